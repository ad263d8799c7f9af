package remoteconfig

import (
	"errors"

	"github.com/fernet/fernet-go"
)

// keySize is that of a Fernet key: half of it signs, the other half encrypts.
const keySize = 32

// keysOf makes keys of the main app's FLAGS_SECRET_KEYS, which hold raw bytes: shorter texts are filled up with zero bytes in front,
// longer ones cut. What is a key in Fernet's own form may also be meant as that: a wrong key opens nothing. Source: PostHog's
// posthog/helpers/encrypted_flag_payloads.py.
func keysOf(secrets []string) []*fernet.Key {
	keys := make([]*fernet.Key, 0, len(secrets))
	for _, s := range secrets {
		if s == "" {
			continue
		}
		k := new(fernet.Key)
		copy(k[max(0, keySize-len(s)):], s)
		keys = append(keys, k)
		if own, err := fernet.DecodeKey(s); err == nil {
			keys = append(keys, own)
		}
	}
	return keys
}

var errUndecryptable = errors.New("the payload cannot be decrypted with any of FLAGS_SECRET_KEYS")

// forEver is an age that no token is too old for.
const forEver = -1

// decrypt opens what any of the keys has sealed.
func decrypt(token string, keys []*fernet.Key) (string, error) {
	text := fernet.VerifyAndDecrypt([]byte(token), forEver, keys)
	if text == nil {
		return "", errUndecryptable
	}
	return string(text), nil
}
