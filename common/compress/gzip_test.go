package compress_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hog-go/hog/common/compress"
	"github.com/stretchr/testify/require"
)

const mib = 1 << 20

// pack makes a gzip member as std writes it.
func pack(tb testing.TB, content []byte, level int) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	require.NoError(tb, err)
	_, err = w.Write(content)
	require.NoError(tb, err)
	require.NoError(tb, w.Close())
	return b.Bytes()
}

// batchJSON is a batch of events like those of a browser, of at least size bytes.
func batchJSON(size int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	pages := []string{"/", "/pricing", "/docs/libraries/js", "/blog/how-we-built-it", "/signup", "/dashboard/12/insights"}
	events := []string{"$pageview", "$autocapture", "$pageleave", "$web_vitals", "user signed up", "insight viewed"}
	var b bytes.Buffer
	b.WriteString(`{"api_key":"phc_9Xa1LmQ4rT7sVb2Nc5Df8Gh3Jk6Lp0Zw","batch":[`)
	for i := 0; b.Len() < size; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		page := pages[r.IntN(len(pages))]
		fmt.Fprintf(&b, `{"uuid":"%08x-%04x-7%03x-a%03x-%012x","event":"%s","properties":{"$os":"Mac OS X","$browser":"Chrome",`,
			r.Uint32(), r.Uint32N(65536), r.Uint32N(4096), r.Uint32N(4096), r.Uint64()>>16, events[r.IntN(len(events))])
		fmt.Fprintf(&b, `"$current_url":"https://app.example.com%s?utm_source=%x","$host":"app.example.com","$pathname":"%s",`,
			page, r.Uint32(), page)
		fmt.Fprintf(&b, `"$raw_user_agent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko)",`+
			`"$viewport_height":%d,"$viewport_width":%d,"$lib":"web","$lib_version":"1.161.3","$insert_id":"%x","$time":%d.%03d,`,
			400+r.IntN(700), 300+r.IntN(1400), r.Uint64(), 1725000000+r.IntN(99999), r.IntN(1000))
		fmt.Fprintf(&b, `"distinct_id":"%08x-%04x","$session_id":"0191d2f4-5b1c-7a3e-9d41-%012x","$max_scroll_percentage":%.4f},`,
			r.Uint32(), r.Uint32N(65536), r.Uint64()>>16, r.Float64())
		fmt.Fprintf(&b, `"offset":%d,"timestamp":"2024-09-0%dT1%d:%02d:%02d.%03dZ"}`,
			r.IntN(3000), 1+r.IntN(9), r.IntN(10), r.IntN(60), r.IntN(60), r.IntN(1000))
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// samples are contents that make encoders use every kind of block, match and code.
func samples() map[string][]byte {
	r := rand.New(rand.NewPCG(3, 4))
	noise := make([]byte, 200_000)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	skewed := make([]byte, 300_000) // long codes, so subtables
	for i := range skewed {
		skewed[i] = byte(r.ExpFloat64() * 8)
	}
	return map[string][]byte{
		"empty":           {},
		"one byte":        {'x'},
		"short":           []byte("hello, hello, hello"),
		"zeros":           make([]byte, 100_000),
		"period of three": bytes.Repeat([]byte("abc"), 10_000),
		"period of nine":  bytes.Repeat([]byte("abcdefghi"), 10_000),
		"period of 20":    bytes.Repeat([]byte("abcdefghijklmnopqrst"), 10_000),
		"noise":           noise,
		"skewed":          skewed,
		"far matches":     bytes.Repeat(noise[:32_000], 4),
		"json":            batchJSON(46_000),
		"large json":      batchJSON(mib),
	}
}

func TestGunzipSamples(t *testing.T) {
	for name, content := range samples() {
		for _, level := range []int{gzip.HuffmanOnly, gzip.NoCompression, 1, 6, 9} {
			t.Run(fmt.Sprintf("%s, level %d", name, level), func(t *testing.T) {
				packed := pack(t, content, level)
				for _, dst := range [][]byte{nil, []byte("kept"), make([]byte, 4, 8), make([]byte, 0, len(content)+512)} {
					kept := bytes.Clone(dst)
					out, err := compress.Gunzip(dst, packed, len(content))
					require.NoError(t, err)
					require.True(t, bytes.Equal(kept, out[:len(kept)]))
					require.True(t, bytes.Equal(content, out[len(kept):]))
				}
				if len(content) == 0 {
					return
				}
				out, err := compress.Gunzip([]byte("kept"), packed, len(content)-1)
				require.Equal(t, &compress.TooLargeError{Limit: len(content) - 1, Size: len(content)}, err)
				require.Equal(t, "kept", string(out))
			})
		}
	}
}

func TestGunzipLimit(t *testing.T) {
	out, err := compress.Gunzip(nil, pack(t, bytes.Repeat([]byte("x"), 1024), 6), 1024)
	t.Run("row 62 gzip cap exactly reached", func(t *testing.T) {
		require.NoError(t, err)
		require.Len(t, out, 1024)
	})
	t.Run("row 62 gzip cap exceeded by one", func(t *testing.T) {
		_, err := compress.Gunzip(nil, pack(t, bytes.Repeat([]byte("x"), 1025), 6), 1024)
		var tooLarge *compress.TooLargeError
		require.ErrorAs(t, err, &tooLarge)
		require.Equal(t, compress.TooLargeError{Limit: 1024, Size: 1025}, *tooLarge)
		require.EqualError(t, err, "decompressed output exceeded limit (1025 > 1024 bytes)")
	})
	t.Run("a bomb costs no more than the limit", func(t *testing.T) {
		bomb := pack(t, make([]byte, 64*mib), 9)
		out, err := compress.Gunzip(nil, bomb, 100_000)
		require.ErrorAs(t, err, new(*compress.TooLargeError))
		require.Less(t, cap(out), 300_000)
	})
	t.Run("a size field that lies costs no more than 16 times the input", func(t *testing.T) {
		packed := pack(t, []byte("short"), 9)
		copy(packed[len(packed)-4:], "\xff\xff\xff\xff")
		out, err := compress.Gunzip(nil, packed, 100*mib)
		require.ErrorIs(t, err, compress.ErrInvalidGzip)
		require.Less(t, cap(out), 2048)
	})
}

func TestGunzipMembers(t *testing.T) {
	one, two := pack(t, []byte("one "), 6), pack(t, []byte("two"), 6)
	both := append(bytes.Clone(one), two...)
	tests := map[string]struct {
		in   []byte
		want string
		err  error
	}{
		"two members":                  {in: both, want: "one two"},
		"zero padding is ignored":      {in: append(bytes.Clone(one), make([]byte, 20)...), want: "one "},
		"other bytes are ignored":      {in: append(bytes.Clone(one), "\r\n"...), want: "one "},
		"second member cut":            {in: both[:len(both)-1], err: compress.ErrInvalidGzip},
		"nothing":                      {err: compress.ErrInvalidGzip},
		"magic alone":                  {in: one[:3], err: compress.ErrInvalidGzip},
		"other method":                 {in: append([]byte{0x1f, 0x8b, 7}, one[3:]...), err: compress.ErrInvalidGzip},
		"text":                         {in: []byte(`{"event":"e"}`), err: compress.ErrInvalidGzip},
		"a match across members fails": {in: append(bytes.Clone(one), matchFirst()...), err: compress.ErrInvalidGzip},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, err := compress.Gunzip(nil, tt.in, mib)
			require.ErrorIs(t, err, tt.err)
			require.Equal(t, tt.want, string(out))
		})
	}
	t.Run("limit holds for the sum", func(t *testing.T) {
		_, err := compress.Gunzip(nil, both, 6)
		require.Equal(t, &compress.TooLargeError{Limit: 6, Size: 7}, err)
	})
}

// matchFirst is a member whose fixed block begins with a match of length 3 and distance 1 (7 bits 0000001, 5 bits 00000).
func matchFirst() []byte {
	return []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 0x03, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
}

func TestGunzipHeaders(t *testing.T) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Extra, w.Name, w.Comment = []byte("extra field"), "events.json", strings.Repeat("long ", 300)
	_, err := io.WriteString(w, "content")
	require.NoError(t, err)
	require.NoError(t, w.Close())

	out, err := compress.Gunzip(nil, b.Bytes(), mib)
	require.NoError(t, err)
	require.Equal(t, "content", string(out))
	for n := range b.Len() {
		_, err := compress.Gunzip(nil, b.Bytes()[:n], mib)
		require.ErrorIs(t, err, compress.ErrInvalidGzip, "cut to %d bytes", n)
	}
}

// TestGunzipDamage flips each bit of a packed text in turn: it must come out right or not at all.
func TestGunzipDamage(t *testing.T) {
	content := batchJSON(1500)
	packed := pack(t, content, 6)
	for bit := 10 * 8; bit < len(packed)*8; bit++ {
		packed[bit/8] ^= 1 << (bit % 8)
		if out, err := compress.Gunzip(nil, packed, mib); err != nil {
			require.ErrorIs(t, err, compress.ErrInvalidGzip, "bit %d", bit)
		} else { // a bit that pads the last byte
			require.True(t, bytes.Equal(content, out), "bit %d", bit)
		}
		packed[bit/8] ^= 1 << (bit % 8)
	}
	for n := range packed {
		_, err := compress.Gunzip(nil, packed[:n], mib)
		require.ErrorIs(t, err, compress.ErrInvalidGzip, "cut to %d bytes", n)
	}
}

func TestIsGzip(t *testing.T) {
	require.True(t, compress.IsGzip([]byte{0x1f, 0x8b, 8}))
	t.Run("row 63 two bytes are no magic", func(t *testing.T) {
		require.False(t, compress.IsGzip([]byte{0x1f, 0x8b}))
	})
}

func TestInflate(t *testing.T) {
	for name, content := range samples() {
		t.Run(name, func(t *testing.T) {
			var bare, wrapped bytes.Buffer
			f, err := flate.NewWriter(&bare, 6)
			require.NoError(t, err)
			z := zlib.NewWriter(&wrapped)
			for _, w := range []io.WriteCloser{f, z} {
				_, err := w.Write(content)
				require.NoError(t, err)
				require.NoError(t, w.Close())
			}
			for _, packed := range [][]byte{bare.Bytes(), wrapped.Bytes()} {
				out, err := compress.Inflate([]byte("kept"), packed, len(content))
				require.NoError(t, err)
				require.True(t, bytes.Equal(content, out[4:]))
				if len(content) > 0 {
					_, err = compress.Inflate(nil, packed, len(content)-1)
					require.ErrorAs(t, err, new(*compress.TooLargeError))
				}
			}
		})
	}
	t.Run("invalid", func(t *testing.T) {
		for _, in := range []string{"", "\x78", "\x78\x9c", "\x07", "\xff\xff"} {
			out, err := compress.Inflate([]byte("kept"), []byte(in), mib)
			require.ErrorIs(t, err, compress.ErrInvalidDeflate, "%q", in)
			require.Equal(t, "kept", string(out))
		}
	})
}

func TestDecompressOrText(t *testing.T) {
	tests := map[string]struct {
		in, want string
		err      error
	}{
		"text":                      {in: "plain é", want: "plain é"},
		"gzip":                      {in: string(pack(t, []byte("packed é"), 6)), want: "packed é"},
		"gzip of no text":           {in: string(pack(t, []byte{0xff, 0xfe}, 6)), err: compress.ErrNotText},
		"gzip that is damaged":      {in: "\x1f\x8b\x08damaged", err: compress.ErrNotText},
		"row 64 neither":            {in: "\xff\xfe\xfd\xfc", err: compress.ErrNotText},
		"text over the limit":       {in: strings.Repeat("x", 101), err: &compress.TooLargeError{Limit: 100, Size: 101}},
		"gzip of too long a text":   {in: string(pack(t, make([]byte, 101), 6)), err: &compress.TooLargeError{Limit: 100, Size: 101}},
		"text as long as it may be": {in: strings.Repeat("x", 100), want: strings.Repeat("x", 100)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, err := compress.DecompressOrText(nil, []byte(tt.in), 100)
			require.Equal(t, tt.err, err)
			require.Equal(t, tt.want, string(out))
		})
	}
}

func TestGunzipAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool drop items at random")
	}
	packed := pack(t, batchJSON(46_000), 6)
	dst := make([]byte, 0, 64<<10)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_, err := compress.Gunzip(dst, packed, mib)
		require.NoError(t, err)
	}))
}
