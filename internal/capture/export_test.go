package capture

// Words is for tests.
func Words(text string) ([]string, bool, error) { return words(text) }
