package main

import (
	"context"
	"flag"
	"runtime"
	"runtime/debug"
)

func versionCommand() command {
	return command{
		name: "version", does: "print the version",
		example: "hookonce version",
		setUp: func(f *flag.FlagSet) action {
			var asJSON bool
			jsonFlag(f, &asJSON)
			return func(_ context.Context, c *console) error {
				v := thisVersion()
				if asJSON {
					c.object(v)
					return nil
				}
				c.say("hookonce %s\n", v)
				return nil
			}
		},
	}
}

// version is the result in JSON.
type version struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	System   string `json:"system"`
}

// thisVersion reads the build information. The version is a tag with go
// install, and a revision in a clone.
func thisVersion() version {
	v := version{Version: "(devel)", Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func (v version) String() string {
	text := v.Version
	if v.Revision != "" {
		text += " (" + v.Revision[:min(12, len(v.Revision))]
		if v.Modified {
			text += ", modified"
		}
		text += ")"
	}
	return text + " " + v.Go + " " + v.System
}
