// Package probe lets the tests of this module look into the calls that package runner makes, and
// break their pipes.
package probe

import (
	"context"
	"io"
)

// Probe is what the tests want done to a call.
type Probe struct {
	// Started is told the number of the process.
	Started func(pid int)
	// Pipe may put something between a pipe of the process and its reader.
	Pipe func(descriptor int, pipe io.ReadCloser) io.ReadCloser
}

type key struct{}

// With returns a context whose calls are probed.
func With(ctx context.Context, probe Probe) context.Context {
	return context.WithValue(ctx, key{}, probe)
}

// From returns the probe of a context; one that does nothing where there is none.
func From(ctx context.Context) Probe {
	probe, _ := ctx.Value(key{}).(Probe)
	if probe.Started == nil {
		probe.Started = func(int) {}
	}
	if probe.Pipe == nil {
		probe.Pipe = func(_ int, pipe io.ReadCloser) io.ReadCloser { return pipe }
	}
	return probe
}
