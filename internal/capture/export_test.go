package capture

// Words exports words for tests.
func Words(text string) ([]string, bool, error) { return words(text) }
