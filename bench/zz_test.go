package main

import ("testing";"time";"os";"strings";"runtime")

func TestProf(t *testing.T) {
	fw := strings.Split(os.Getenv("FW"), ",")
	s, err := startServers(fw, []string{bareHandler, withMemory, byHandSvix}, false)
	if err != nil { t.Fatal(err) }
	defer s.stop()
	sz := 1<<10
	rows := s.rows(sz)
	var st serverStats
	for rep := range 8 {
		m, err := signMessages(s.secret, 30000, sz)
		if err != nil { t.Fatal(err) }
		for i, e := range s.endpoints {
			if rep == 1 { e.ask("profile /tmp/prof/"+strings.ReplaceAll(strings.ReplaceAll(e.framework+"-"+e.kind," ",""),"/","")+".pprof", &st) }
			if err := e.measure(&rows[i], m, 1*time.Second); err != nil { t.Fatal(err) }
		}
	}
	for i, e := range s.endpoints { e.ask("profiled", &st)
		r := rows[i]
		t.Logf("%s %s rate=%.0f cpu=%.2fus (min %.2f) allocs=%.1f cpuratio=%.3f rateratio=%.3f", e.framework, e.kind, r.Rate.median(), r.CPU.median()/1e3, r.CPU.quantile(0)/1e3, r.Allocs.median(), r.CPU.over(rows[i/3*3].CPU).median(), r.Rate.over(rows[i/3*3].Rate).median())
	}
	runtime.GC()
}
