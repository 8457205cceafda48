package record
func render(dir string) error { return nil }
