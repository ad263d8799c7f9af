package regex_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/hog-go/hog/hogvm/internal/regex"
)

const (
	chrome = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
	bot    = "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Googlebot/2.1; +http://www.google.com/bot.html) Safari/537.36"
)

func BenchmarkMatchString(b *testing.B) {
	for _, bb := range []struct{ name, pattern, text string }{
		{"bots_in_a_browser", "(?i)bot|crawler|spider|crawling|slurp|bingpreview", chrome},
		{"bots_in_a_bot", "(?i)bot|crawler|spider|crawling|slurp|bingpreview", bot},
		{"40_bots", "(?i)" + strings.ReplaceAll(manyBots, " ", "|"), chrome},
		{"chrome_version", `Chrome/(\d+)\.`, chrome},
		{"prefix_and_word", `^Mozilla.*Safari`, chrome},
		{"no_literal", `\d+_\d+_\d+\)`, chrome},
		{"general", `\b(\w+)/\d+\.\d+ [A-Z]\w+/\d+$`, chrome},
		{"email", `^[\w.+-]+@[\w-]+\.[\w.]+$`, "someone.of.the.team+filter@mail.example.com"},
		{"unicode_class", `^\p{L}+$`, "Пневмоноультрамикроскопический"},
		{"url_contains", `utm_source=google`, "https://example.com/pricing/enterprise?utm_medium=cpc&utm_source=google&utm_campaign=spring"},
	} {
		b.Run(bb.name+"/hog", func(b *testing.B) {
			re, err := regex.Compile(bb.pattern, false)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				re.MatchString(bb.text)
			}
		})
		b.Run(bb.name+"/regexp", func(b *testing.B) {
			re := regexp.MustCompile(bb.pattern)
			for b.Loop() {
				re.MatchString(bb.text)
			}
		})
	}
}

const manyBots = "googlebot bingbot slurp duckduckbot baiduspider yandexbot facebookexternalhit ia_archiver semrushbot ahrefsbot mj12bot dotbot petalbot applebot twitterbot linkedinbot " +
	"pinterestbot whatsapp telegrambot discordbot headlesschrome phantomjs uptimerobot pingdom statuscake screaming rogerbot exabot sogou seznambot blexbot gptbot claudebot ccbot " +
	"bytespider amazonbot dataforseobot crawler spider python-requests"

func BenchmarkCompile(b *testing.B) {
	const pattern = "(?i)bot|crawler|spider|crawling|slurp|bingpreview"
	b.Run("cached", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := regex.Compile(pattern, false); err != nil {
				b.Fatal(err)
			}
		}
	})
	long := pattern + strings.Repeat("x", 1024)
	b.Run("not_kept", func(b *testing.B) {
		for b.Loop() {
			if _, err := regex.Compile(long, false); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("regexp", func(b *testing.B) {
		for b.Loop() {
			regexp.MustCompile(long)
		}
	})
}
