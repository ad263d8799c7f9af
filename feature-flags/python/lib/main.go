// The library behind the Python package hog_feature_flags, built with -buildmode=c-shared. All functions may be called by any number of
// threads at once. Memory that a function returns is freed with hog_flags_free.
package main

/*
#include <stdint.h>
#include <stdlib.h>

// hog_flags_result is a text and what it is: see the statuses in main.go.
typedef struct {
	char *text;
	size_t size;
	int32_t status;
} hog_flags_result;
*/
import "C"

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"

	"github.com/hog-go/hog/feature-flags/internal/library"
)

// What the text of a result is. The Python side knows them by these numbers.
const (
	statusAnswer  = iota // library.Answer as JSON
	statusValue          // message of a ValueError
	statusRuntime        // message of a RuntimeError
	statusPool           // the same, about a database: its name, a line feed, the message
)

// process is what all threads share: one library, and so one pool for each database.
var process struct {
	sync.RWMutex // held for reading by those who evaluate
	cfg          library.Config
	library      *library.Library // nil: none is open
}

// open returns the library with the lock held for reading.
func open() *library.Library {
	for {
		process.RLock()
		if process.library != nil {
			return process.library
		}
		process.RUnlock()
		process.Lock()
		if process.library == nil {
			process.library = library.New(process.cfg)
		}
		process.Unlock()
	}
}

// hog_flags_evaluate evaluates the flags of a JSON document for a request, library.Request as JSON. It keeps neither.
//
//export hog_flags_evaluate
func hog_flags_evaluate(request *C.char, requestSize C.size_t, document *C.char, documentSize C.size_t) (result C.hog_flags_result) {
	defer recovered(&result)
	var r library.Request
	if err := json.Unmarshal(view(request, requestSize), &r); err != nil {
		return failure(fmt.Errorf("decode the request: %w", err))
	}
	lib := open()
	defer process.RUnlock()
	text := view(document, documentSize)
	answer, err := lib.Evaluate(context.Background(), &r, unsafe.String(unsafe.SliceData(text), len(text)))
	if err != nil {
		return failure(err)
	}
	buffer, _ := buffers.Get().(*[]byte)
	if buffer == nil {
		buffer = new([]byte)
	}
	*buffer = answer.Append((*buffer)[:0])
	result = owned(*buffer, statusAnswer)
	buffers.Put(buffer)
	return result
}

// buffers hold answers until they are copied out of Go's memory. What is large now will be large again: callers ask for the same flags.
var buffers sync.Pool // of *[]byte

// hog_flags_configure sets what the next library that is opened goes by: connections a pool, and how long cohorts, group types and time
// zones are used. It refuses while one is open.
//
//export hog_flags_configure
func hog_flags_configure(maxConns C.int32_t, ttlMillis C.int64_t) (result C.hog_flags_result) {
	defer recovered(&result)
	process.Lock()
	defer process.Unlock()
	if process.library != nil {
		return failure(errors.New("configure comes too late: call it before the first evaluation, or after close"))
	}
	process.cfg.MaxConns, process.cfg.CacheTTL = int(maxConns), time.Duration(ttlMillis)*time.Millisecond
	if ttlMillis <= 0 {
		process.cfg.CacheTTL = -1
	}
	return owned(nil, statusAnswer)
}

// hog_flags_close waits for evaluations to end and closes all pools. The next evaluation opens them again.
//
//export hog_flags_close
func hog_flags_close() (result C.hog_flags_result) {
	defer recovered(&result)
	process.Lock()
	defer process.Unlock()
	if process.library == nil {
		return owned(nil, statusAnswer)
	}
	err := process.library.Close()
	process.library = nil
	if err != nil {
		return failure(err)
	}
	return owned(nil, statusAnswer)
}

// hog_flags_free frees the text of a result.
//
//export hog_flags_free
func hog_flags_free(text *C.char) { C.free(unsafe.Pointer(text)) }

// view is C memory as a slice, for as long as the caller leaves it there.
func view(p *C.char, size C.size_t) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(p)), int(size))
}

// owned copies text to memory that the caller frees.
func owned(text []byte, status C.int32_t) C.hog_flags_result {
	return C.hog_flags_result{text: (*C.char)(C.CBytes(text)), size: C.size_t(len(text)), status: status}
}

func failure(err error) C.hog_flags_result {
	if e, ok := errors.AsType[*library.DefinitionsError](err); ok {
		return owned([]byte(e.Error()), statusValue)
	}
	if e, ok := errors.AsType[*library.PoolError](err); ok {
		return owned([]byte(e.Pool+"\n"+e.Error()), statusPool)
	}
	return owned([]byte(err.Error()), statusRuntime)
}

// recovered makes a result of a panic, which would end the caller's process.
func recovered(result *C.hog_flags_result) {
	if v := recover(); v != nil {
		*result = failure(fmt.Errorf("internal error: %v", v))
	}
}

func main() {}
