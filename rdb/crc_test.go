package rdb

import (
	stdcrc "hash/crc64"
	"math/bits"
	"testing"
)

// TestCRC: the known sum of nine digits, and the standard library's for every length that
// takes another way through the loops. The library inverts the sum before and after.
func TestCRC(t *testing.T) {
	if got := crc64(0, []byte("123456789")); got != 0xe9c6d914c4b8d9ca {
		t.Errorf("%x", got)
	}
	std := stdcrc.MakeTable(bits.Reverse64(0xad93d23594c935a9))
	p := make([]byte, 3000)
	for i := range p {
		p[i] = byte(i*i>>3 ^ i*7)
	}
	for n := range p {
		want := ^stdcrc.Update(^uint64(0), std, p[:n])
		if got := crc64(0, p[:n]); got != want {
			t.Fatalf("%d bytes: %x, want %x", n, got, want)
		}
		if got := crc64(crc64(0, p[:n/3]), p[n/3:n]); got != want {
			t.Fatalf("%d bytes in two: %x, want %x", n, got, want)
		}
	}
}

func BenchmarkCRC(b *testing.B) {
	p := make([]byte, 1<<16)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		crc64(0, p)
	}
}
