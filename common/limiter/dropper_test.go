package limiter_test

import (
	"testing"

	"github.com/hog-go/hog/common/limiter"
	"github.com/stretchr/testify/require"
)

func TestTokenDropper(t *testing.T) {
	const row58 = "token1:id1,token2,token3:id3"
	tests := map[string]struct {
		list, token, id string
		want            bool
	}{
		"row 58 listed id":                    {list: row58, token: "token1", id: "id1", want: true},
		"row 58 any id of a bare token":       {list: row58, token: "token2", id: "any", want: true},
		"row 58 third entry":                  {list: row58, token: "token3", id: "id3", want: true},
		"row 58 other id":                     {list: row58, token: "token1", id: "id2"},
		"row 58 id of another token":          {list: row58, token: "token3", id: "id1"},
		"empty list":                          {list: "", token: "", id: ""},
		"several ids":                         {list: "a:1,a:2", token: "a", id: "2", want: true},
		"a later bare token overrides ids":    {list: "a:1,a", token: "a", id: "2", want: true},
		"ids after a bare token are ignored":  {list: "a,a:1", token: "a", id: "2", want: true},
		"a third part is ignored":             {list: "a:1:2", token: "a", id: "1", want: true},
		"ids with colons cannot be expressed": {list: "a:1:2", token: "a", id: "1:2"},
		"nothing is trimmed":                  {list: "a, b", token: "b"},
		"the blank is part of the token":      {list: "a, b", token: " b", want: true},
		"blank parts are skipped":             {list: "a: :1", token: "a", id: "1", want: true},
		"a blank id is none":                  {list: "a:", token: "a", id: "x", want: true},
		"a blank entry is none":               {list: ", ,:", token: " "},
		"an id without a token becomes one":   {list: ":a", token: "a", id: "x", want: true},
		"the empty id, as of a whole request": {list: "a", token: "a", id: "", want: true},
		"the empty id is not a listed one":    {list: "a:1", token: "a", id: ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := limiter.NewTokenDropper(tt.list)
			require.Equal(t, tt.want, d.ShouldDrop([]byte(tt.token), []byte(tt.id)))
		})
	}
}
