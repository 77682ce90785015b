package main

type storeRow struct{}
type refusalRow struct{}
type coresRow struct{}

func storesAll(o options) ([]storeRow, error)     { return nil, nil }
func refusalsAll(o options) ([]refusalRow, error) { return nil, nil }
func coresAll(o options) ([]coresRow, error)      { return nil, nil }
func playStore(args []string) error               { return nil }
func (r *results) write(docs string) error        { return nil }
