package embedded

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// A snapshot file is snapshotMagic, the CRC-32C of the rest as four bytes (big endian), and a gob of []savedKey.
const snapshotMagic = "hogredis1\n"

// databases is how many Redis has unless told otherwise.
const databases = 16

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// savedKey is one key; only the field of its type is set.
type savedKey struct {
	DB      int
	Name    string
	Type    string // as the command TYPE has it
	String  string
	List    []string
	Set     []string
	Hash    map[string]string
	Scores  map[string]float64   // sorted set
	Expires time.Time            // zero = never
	Fields  map[string]time.Time // hash fields that expire
}

// damagedError says that a snapshot is there but cannot be used.
type damagedError struct{ reason string }

func (e *damagedError) Error() string { return e.reason }

// capture reads every key that can be saved. Clients may write meanwhile: each key is read as it is at that moment.
func capture(m *miniredis.Miniredis, now time.Time) []savedKey {
	var keys []savedKey
	for i := range databases {
		db := m.DB(i)
		for _, name := range db.Keys() {
			// A key can change its type between two looks at it, which shows as an error; the second look gets it right
			// unless it changed again.
			for range 3 {
				k, ok, err := captureKey(m, db, savedKey{DB: i, Name: name}, now)
				if ok {
					keys = append(keys, k)
				}
				if err == nil {
					break
				}
			}
		}
	}
	return keys
}

func captureKey(m *miniredis.Miniredis, db *miniredis.RedisDB, k savedKey, now time.Time) (_ savedKey, ok bool, err error) {
	switch k.Type = db.Type(k.Name); k.Type {
	case "string":
		k.String, err = db.Get(k.Name)
	case "list":
		// Lists and sorted sets are handed out uncopied: copy them under the server's lock.
		k.List, err = db.List(k.Name)
		m.Lock()
		k.List = slices.Clone(k.List)
		m.Unlock()
	case "set":
		k.Set, err = db.Members(k.Name)
	case "zset":
		k.Scores, err = db.SortedSet(k.Name)
		m.Lock()
		k.Scores = maps.Clone(k.Scores)
		m.Unlock()
	case "hash":
		err = captureHash(db, &k, now)
	default:
		return k, false, nil // gone meanwhile, or a type that is not saved
	}
	if ttl := db.TTL(k.Name); ttl > 0 {
		k.Expires = now.Add(ttl)
	}
	return k, err == nil, err
}

func captureHash(db *miniredis.RedisDB, k *savedKey, now time.Time) error {
	fields, err := db.HKeys(k.Name)
	if err != nil {
		return err
	}
	k.Hash = make(map[string]string, len(fields))
	for _, f := range fields {
		k.Hash[f] = db.HGet(k.Name, f)
		if ttl := db.HTTL(k.Name, f); ttl > 0 {
			if k.Fields == nil {
				k.Fields = make(map[string]time.Time)
			}
			k.Fields[f] = now.Add(ttl)
		}
	}
	return nil
}

// restore writes keys into an empty server, leaving out what expired since. It cannot fail: no key exists twice.
func restore(m *miniredis.Miniredis, keys []savedKey, now time.Time) {
	for _, k := range keys {
		if !k.Expires.IsZero() && !k.Expires.After(now) {
			continue
		}
		db := m.DB(k.DB)
		switch k.Type {
		case "string":
			_ = db.Set(k.Name, k.String)
		case "list":
			_, _ = db.Push(k.Name, k.List...)
		case "set":
			_, _ = db.SetAdd(k.Name, k.Set...)
		case "zset":
			for member, score := range k.Scores {
				_, _ = db.ZAdd(k.Name, score, member)
			}
		case "hash":
			for field, value := range k.Hash {
				restoreField(db, k, field, value, now)
			}
		}
		if !k.Expires.IsZero() && db.Exists(k.Name) { // all fields of a hash may have expired
			db.SetTTL(k.Name, k.Expires.Sub(now))
		}
	}
}

func restoreField(db *miniredis.RedisDB, k savedKey, field, value string, now time.Time) {
	expires, mortal := k.Fields[field]
	if mortal && !expires.After(now) {
		return
	}
	db.HSet(k.Name, field, value)
	if mortal {
		db.HExpire(k.Name, field, expires.Sub(now))
	}
}

// writeSnapshot replaces file in one step.
func writeSnapshot(file string, keys []savedKey) error {
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(keys); err != nil {
		return fmt.Errorf("encode redis data: %w", err)
	}
	head := binary.BigEndian.AppendUint32([]byte(snapshotMagic), crc32.Checksum(body.Bytes(), castagnoli))
	return replaceFile(file, func(w io.Writer) error {
		if _, err := w.Write(head); err != nil {
			return err
		}
		_, err := w.Write(body.Bytes())
		return err
	})
}

// readSnapshot returns no keys where there is no file, and a damagedError where there is one that nothing can be made of.
func readSnapshot(file string) ([]savedKey, error) {
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	body, ok := bytes.CutPrefix(raw, []byte(snapshotMagic))
	if !ok || len(body) < 4 {
		return nil, &damagedError{"it does not begin like a snapshot"}
	}
	sum, body := binary.BigEndian.Uint32(body), body[4:]
	if crc32.Checksum(body, castagnoli) != sum {
		return nil, &damagedError{"its checksum does not match"}
	}
	var keys []savedKey
	if err := gob.NewDecoder(bytes.NewReader(body)).Decode(&keys); err != nil {
		return nil, &damagedError{"its checksum matches but not its format: " + err.Error()}
	}
	return keys, nil
}

// moveAside renames file to a name that no earlier damaged file has.
func moveAside(file string) (string, error) {
	aside := fmt.Sprintf("%s.damaged-%s", file, time.Now().UTC().Format("20060102T150405.000000000"))
	return aside, os.Rename(file, aside)
}
