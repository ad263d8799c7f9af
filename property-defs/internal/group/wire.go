package group

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// request and response are the two messages of the one method that is called, with the fields that matter. Field numbers are those
// of PostHog's proto/personhog/types/v1/group.proto and common.proto.
type request struct{ teamIDs []int64 }

type response struct{ mappings []mapping }

type mapping struct {
	team  int64 // the key under which it was asked for
	name  string
	index int32
}

const (
	requestTeamIDs, requestReadOptions          = 1, 2
	readOptionsConsistency, consistencyEventual = 1, 1
	responseResults                             = 1
	resultKey, resultMappings                   = 1, 2
	mappingGroupType, mappingGroupTypeIndex     = 4, 5
)

// wire is a gRPC codec of just these: generated code would be a thousand lines.
type wire struct{}

// Name is that of the standard codec, whose format this is.
func (wire) Name() string { return "proto" }

// Marshal encodes a request.
func (wire) Marshal(v any) ([]byte, error) {
	req, ok := v.(*request)
	if !ok {
		return nil, fmt.Errorf("personhog: cannot encode %T", v)
	}
	var ids []byte
	for _, id := range req.teamIDs {
		ids = protowire.AppendVarint(ids, uint64(id))
	}
	b := protowire.AppendTag(nil, requestTeamIDs, protowire.BytesType)
	b = protowire.AppendBytes(b, ids)
	options := protowire.AppendTag(nil, readOptionsConsistency, protowire.VarintType)
	options = protowire.AppendVarint(options, consistencyEventual)
	b = protowire.AppendTag(b, requestReadOptions, protowire.BytesType)
	return protowire.AppendBytes(b, options), nil
}

// Unmarshal decodes a response.
func (wire) Unmarshal(data []byte, v any) error {
	res, ok := v.(*response)
	if !ok {
		return fmt.Errorf("personhog: cannot decode into %T", v)
	}
	return fields(data, func(num protowire.Number, _ uint64, inner []byte) error {
		if num != responseResults {
			return nil
		}
		from := len(res.mappings)
		var key int64
		err := fields(inner, func(num protowire.Number, n uint64, inner []byte) error {
			switch num {
			case resultKey:
				key = int64(n)
			case resultMappings:
				var m mapping
				res.mappings = append(res.mappings, m)
				return res.mappings[len(res.mappings)-1].decode(inner)
			}
			return nil
		})
		for i := range res.mappings[from:] { // the key may come after them
			res.mappings[from+i].team = key
		}
		return err
	})
}

func (m *mapping) decode(data []byte) error {
	return fields(data, func(num protowire.Number, n uint64, inner []byte) error {
		switch num {
		case mappingGroupType:
			m.name = string(inner)
		case mappingGroupTypeIndex:
			m.index = int32(n)
		}
		return nil
	})
}

// fields calls f for each field of a message: with the number of a varint, or the contents of a string or message.
func fields(data []byte, f func(num protowire.Number, n uint64, inner []byte) error) error {
	for len(data) > 0 {
		num, typ, size := protowire.ConsumeTag(data)
		if size < 0 {
			return protowire.ParseError(size)
		}
		data = data[size:]
		var n uint64
		var inner []byte
		switch typ {
		case protowire.VarintType:
			n, size = protowire.ConsumeVarint(data)
		case protowire.BytesType:
			inner, size = protowire.ConsumeBytes(data)
		default:
			size = protowire.ConsumeFieldValue(num, typ, data)
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		if err := f(num, n, inner); err != nil {
			return err
		}
		data = data[size:]
	}
	return nil
}
