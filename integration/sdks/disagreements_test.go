package sdks_test

func disagreements() []disagreement { return nil }
