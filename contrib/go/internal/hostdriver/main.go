// Command hostdriver is the host of the runner's tests: it reads requests, one JSON document a line,
// makes calls as DevLake's server does, many and at once, and writes what came of them.
//
// It ends as the server would: with a panic in one call, all are gone. See request.go for what
// comes in and outcome.go for what goes out.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
)

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "hostdriver:", err)
		os.Exit(1)
	}
}

func serve(in io.Reader, out io.Writer) error {
	writer := &writer{encoder: json.NewEncoder(out)}
	hosts := newHosts()
	var running sync.Map // id of a request → its context.CancelFunc
	decoder := json.NewDecoder(bufio.NewReader(in))
	for {
		asked := request{Repeat: 1, Parallel: 1, Timeout: 120_000}
		switch err := decoder.Decode(&asked); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
		if asked.Cancel != 0 {
			if cancel, ok := running.Load(asked.Cancel); ok {
				cancel.(context.CancelFunc)()
			}
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		running.Store(asked.ID, cancel)
		go func() {
			writer.write(answer{ID: asked.ID, Outcomes: asked.run(ctx, hosts, writer)})
			running.Delete(asked.ID)
			cancel()
		}()
	}
}

// writer writes a JSON document a line.
type writer struct {
	mutex   sync.Mutex
	encoder *json.Encoder
}

func (w *writer) write(document any) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if err := w.encoder.Encode(document); err != nil {
		panic(err) // nobody is there to hear it
	}
}
