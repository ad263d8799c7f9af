package agent

import (
	"net/netip"
	"strings"
)

// Bot is a crawler, or another program that needs no flags.
type Bot struct {
	Category string // google, ai, seo, uptime, social, headless, crawler or other
	Source   string // user_agent or ip
}

// bots are parts of user agents in lower case. The specific names come first; those at the end are what crawlers have in common.
var bots = []struct{ part, category string }{
	{"googlebot", "google"}, {"google-inspectiontool", "google"}, {"googleother", "google"}, {"adsbot-google", "google"}, {"mediapartners-google", "google"},
	{"apis-google", "google"}, {"feedfetcher-google", "google"}, {"storebot-google", "google"}, {"google-read-aloud", "google"}, {"chrome-lighthouse", "google"},
	{"gptbot", "ai"}, {"oai-searchbot", "ai"}, {"chatgpt-user", "ai"}, {"claudebot", "ai"}, {"claude-web", "ai"}, {"claude-user", "ai"}, {"anthropic-ai", "ai"},
	{"perplexitybot", "ai"}, {"perplexity-user", "ai"}, {"google-extended", "ai"}, {"ccbot", "ai"}, {"cohere-ai", "ai"}, {"bytespider", "ai"}, {"amazonbot", "ai"},
	{"applebot-extended", "ai"}, {"meta-externalagent", "ai"}, {"mistralai-user", "ai"}, {"youbot", "ai"}, {"diffbot", "ai"},
	{"ahrefsbot", "seo"}, {"ahrefssiteaudit", "seo"}, {"semrushbot", "seo"}, {"mj12bot", "seo"}, {"dotbot", "seo"}, {"rogerbot", "seo"}, {"screaming frog", "seo"},
	{"blexbot", "seo"}, {"dataforseobot", "seo"}, {"serpstatbot", "seo"}, {"seokicks", "seo"}, {"sitebulb", "seo"},
	{"uptimerobot", "uptime"}, {"pingdom", "uptime"}, {"statuscake", "uptime"}, {"better uptime bot", "uptime"}, {"site24x7", "uptime"}, {"datadogsynthetics", "uptime"},
	{"newrelicpinger", "uptime"}, {"hetrixtools", "uptime"}, {"checkly", "uptime"}, {"gtmetrix", "uptime"},
	{"facebookexternalhit", "social"}, {"facebot", "social"}, {"twitterbot", "social"}, {"linkedinbot", "social"}, {"slackbot", "social"}, {"slack-imgproxy", "social"},
	{"discordbot", "social"}, {"telegrambot", "social"}, {"whatsapp/", "social"}, {"pinterestbot", "social"}, {"redditbot", "social"}, {"skypeuripreview", "social"},
	{"headlesschrome", "headless"}, {"phantomjs", "headless"}, {"slimerjs", "headless"}, {"prerender", "headless"},
	{"bingbot", "crawler"}, {"bingpreview", "crawler"}, {"yandexbot", "crawler"}, {"yandeximages", "crawler"}, {"baiduspider", "crawler"}, {"duckduckbot", "crawler"},
	{"applebot", "crawler"}, {"petalbot", "crawler"}, {"sogou", "crawler"}, {"yahoo! slurp", "crawler"}, {"seznambot", "crawler"}, {"naverbot", "crawler"}, {"yeti/", "crawler"},
	{"ia_archiver", "crawler"}, {"archive.org_bot", "crawler"}, {"qwantify", "crawler"}, {"mojeekbot", "crawler"},
	{"bot.htm", "other"}, {"bot.php", "other"}, {"(bot;", "other"}, {"bot/", "other"}, {"crawler", "other"},
}

// networks are what the operators of crawlers publish: developers.google.com/search/apis/ipranges/googlebot.json,
// www.bing.com/toolbox/bingbot.json, yandex.com/support/webmaster/robot-workings/check-yandex-robots.html,
// search.developer.apple.com/applebot.json.
var networks = []struct {
	prefix   netip.Prefix
	category string
}{
	{netip.MustParsePrefix("66.249.64.0/19"), "google"}, {netip.MustParsePrefix("2001:4860:4801::/48"), "google"},
	{netip.MustParsePrefix("157.55.39.0/24"), "crawler"}, {netip.MustParsePrefix("207.46.13.0/24"), "crawler"}, {netip.MustParsePrefix("40.77.167.0/24"), "crawler"},
	{netip.MustParsePrefix("13.66.139.0/24"), "crawler"}, {netip.MustParsePrefix("52.167.144.0/24"), "crawler"},
	{netip.MustParsePrefix("5.255.253.0/24"), "crawler"}, {netip.MustParsePrefix("87.250.224.0/19"), "crawler"}, {netip.MustParsePrefix("213.180.203.0/24"), "crawler"},
	{netip.MustParsePrefix("17.241.208.0/20"), "crawler"}, {netip.MustParsePrefix("17.241.193.160/27"), "crawler"}, {netip.MustParsePrefix("17.22.237.0/24"), "crawler"},
}

// DetectBot tells whether a request comes from a crawler, by its user agent and else by its address. PostHog's own SDKs may look for
// crawlers themselves, and an absent user agent proves nothing.
func DetectBot(userAgent, ip string) (Bot, bool) {
	lower := strings.ToLower(userAgent)
	for i := range bots {
		if strings.Contains(lower, bots[i].part) {
			return Bot{Category: bots[i].category, Source: "user_agent"}, true
		}
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return Bot{}, false
	}
	addr = addr.Unmap()
	for _, n := range networks {
		if n.prefix.Contains(addr) {
			return Bot{Category: n.category, Source: "ip"}, true
		}
	}
	return Bot{}, false
}
