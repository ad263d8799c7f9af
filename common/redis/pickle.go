package redis

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// Opcodes of pickle that a str needs, with what follows each. Source: Python's Lib/pickletools.py.
const (
	opProto     = 0x80 // version: 1 byte
	opFrame     = 0x95 // size of what follows up to the next frame: 8 bytes; protocol 4 on
	opShortText = 0x8c // UTF-8 after its length: 1 byte; protocol 4 on
	opText      = 'X'  // the same: 4 bytes
	opLongText  = 0x8d // the same: 8 bytes; protocol 4 on
	opMemoize   = 0x94 // keep the value under the next index; protocol 4 on
	opPut       = 'q'  // keep the value under an index: 1 byte
	opLongPut   = 'r'  // the same: 4 bytes
	opStop      = '.'
)

var errCut = errors.New("pickle: ends too early")

// unpickle reads a str pickled with protocol 2 to 5. Anything else is an error: no other value belongs where text is expected, and
// running pickle's machine in full would be running a stranger's program. Numbers are little endian.
func unpickle(b []byte) (string, error) {
	if len(b) < 2 || b[0] != opProto || b[1] < 2 || b[1] > 5 {
		return "", errors.New("pickle: not of protocol 2 to 5")
	}
	p := pickleReader{rest: b[2:]}
	var text []byte
	have := false
	for {
		op, err := p.number(1)
		if err != nil {
			return "", err
		}
		switch op {
		case opFrame:
			size, err := p.number(8)
			if err != nil {
				return "", err
			}
			if size > uint64(len(p.rest)) {
				return "", errCut
			}
			continue
		case opShortText, opText, opLongText:
			if have {
				return "", errors.New("pickle: more than one value")
			}
			if text, err = p.text(lengthSize(op)); err != nil {
				return "", err
			}
			have = true
			continue
		}
		if !have {
			return "", fmt.Errorf("pickle: opcode 0x%02x does not begin a str", op)
		}
		switch op {
		case opMemoize:
		case opPut:
			_, err = p.number(1)
		case opLongPut:
			_, err = p.number(4)
		case opStop:
			if len(p.rest) > 0 {
				return "", fmt.Errorf("pickle: %d bytes after its end", len(p.rest))
			}
			return string(text), nil
		default:
			err = fmt.Errorf("pickle: opcode 0x%02x does not belong to a str", op)
		}
		if err != nil {
			return "", err
		}
	}
}

func lengthSize(op uint64) int {
	switch op {
	case opShortText:
		return 1
	case opText:
		return 4
	}
	return 8
}

type pickleReader struct{ rest []byte }

// number takes size bytes, at most 8.
func (p *pickleReader) number(size int) (uint64, error) {
	if len(p.rest) < size {
		return 0, errCut
	}
	var b [8]byte
	copy(b[:], p.rest[:size])
	p.rest = p.rest[size:]
	return binary.LittleEndian.Uint64(b[:]), nil
}

// text takes UTF-8 after a length of size bytes.
func (p *pickleReader) text(size int) ([]byte, error) {
	n, err := p.number(size)
	if err != nil {
		return nil, err
	}
	if n > uint64(len(p.rest)) {
		return nil, errCut
	}
	text := p.rest[:n]
	p.rest = p.rest[n:]
	if !utf8.Valid(text) { // Python writes lone surrogates in this way
		return nil, errors.New("pickle: str is not UTF-8")
	}
	return text, nil
}

// pickle writes a str with protocol 3, which every Python 3 reads.
func pickle(text string) ([]byte, error) {
	if uint64(len(text)) > math.MaxUint32 || !utf8.ValidString(text) {
		return nil, fmt.Errorf("pickle: %d bytes are no str of protocol 3", len(text))
	}
	b := make([]byte, 0, len(text)+8)
	b = append(b, opProto, 3, opText)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
	return append(append(b, text...), opStop), nil
}
