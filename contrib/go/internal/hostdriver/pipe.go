package main

import "io"

// breakPipe puts the faults of a request between a pipe and its reader.
func (r *request) breakPipe(descriptor int, pipe io.ReadCloser) io.ReadCloser {
	if after, ok := r.Stop[descriptor]; ok {
		return &broken{ReadCloser: pipe, left: after}
	}
	if after, ok := r.Close[descriptor]; ok {
		return &broken{ReadCloser: pipe, left: after, close: true}
	}
	return pipe
}

// broken is a pipe whose reader goes away after some bytes.
type broken struct {
	io.ReadCloser
	left  int
	close bool
}

func (b *broken) Read(buffer []byte) (int, error) {
	if b.left <= 0 {
		if b.close {
			b.Close()
		}
		return 0, io.EOF
	}
	n, err := b.ReadCloser.Read(buffer[:min(len(buffer), b.left)])
	b.left -= n
	return n, err
}
