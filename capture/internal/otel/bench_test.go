package otel_test

import (
	"os"
	"testing"

	"github.com/hog-go/hog/capture/internal/otel"
)

// BenchmarkParse reads a request of a real exporter in both encodings.
func BenchmarkParse(b *testing.B) {
	for file, contentType := range map[string]string{"node.pb": protobuf, "node.json": jsonType} {
		b.Run(file, func(b *testing.B) {
			body, err := os.ReadFile("testdata/" + file)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := otel.Parse(body, contentType); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
