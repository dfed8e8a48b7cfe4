package rdb

import "encoding/binary"

// The payload of FUNCTION DUMP is the sources of all libraries as a file has them, and the
// version and checksum that end every payload.

// functionsVersion is the version that DUMP of functions gives: the oldest that has them.
const functionsVersion = 10

// DumpFunctions returns the payload that holds these sources.
func DumpFunctions(sources [][]byte, compress bool) []byte {
	e := encoder{compress: compress, version: functionsVersion}
	for _, src := range sources {
		e.buf = append(e.buf, opFunction2)
		e.str(src)
	}
	b := binary.LittleEndian.AppendUint16(e.buf, functionsVersion)
	return binary.LittleEndian.AppendUint64(b, crc64(0, b))
}

// DecodeFunctions returns the sources that a payload of FUNCTION DUMP holds. The error is
// ErrChecksum or ErrPayload.
func DecodeFunctions(p []byte) ([][]byte, error) {
	if !CheckPayload(p, false) {
		return nil, ErrChecksum
	}
	end := len(p) - footerBytes
	s := source{buf: p, end: end, size: int64(end)}
	var out [][]byte
	for s.rest() > 0 {
		if s.byte() != opFunction2 {
			return nil, ErrPayload
		}
		src := append([]byte(nil), s.str()...)
		if s.err != nil {
			return nil, ErrPayload
		}
		out = append(out, src)
	}
	return out, nil
}
