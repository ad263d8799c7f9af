package redis

import (
	"errors"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/hog-go/hog/common/userinfo"
)

// errUnreadable stands for net/url's own error, which quotes what it could not read, often a piece of the password.
var errUnreadable = errors.New("cannot be read: / ? and # in user and password must be percent-encoded")

// parseURL reads a URL as it is found in the settings of the main app and of the services. The fragment #insecure, by which the original's
// client (redis-rs) leaves certificates unchecked, does so here, and the options of redis-py, which that client ignores, are ignored. User
// and password are read as postgres.ParseURL reads them.
func parseURL(text string) (*redis.Options, error) {
	u, err := url.Parse(userinfo.Encode(text))
	if err != nil {
		return nil, errUnreadable
	}
	query := u.Query()
	for name := range query {
		if strings.HasPrefix(name, "ssl_") {
			query.Del(name)
		}
	}
	insecure := u.Fragment == "insecure"
	u.RawQuery, u.Fragment = query.Encode(), ""
	o, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, err
	}
	if insecure && o.TLSConfig != nil {
		o.TLSConfig.InsecureSkipVerify = true
	}
	return o, nil
}
