// Package config reads settings from environment variables into structs.
//
// A struct says everything about its settings in tags, and this package derives the rest: strict parsing, one error that names every
// bad variable, the table of a README, and a warning about names that look misspelt.
//
//	type Config struct {
//		Hosts  []string      `env:"KAFKA_HOSTS" default:"localhost:9092" doc:"bootstrap servers"`
//		TLS    bool          `env:"KAFKA_TLS" default:"false" doc:"encrypt the connection"`
//		Linger time.Duration `env:"KAFKA_PRODUCER_LINGER_MS" unit:"ms" default:"20" doc:"wait for a fuller batch"`
//		Redis  config.Secret `env:"REDIS_URL" required:"true" doc:"main Redis"`
//		Rack   *string       `env:"KAFKA_CLIENT_RACK" doc:"nil when unset"`
//		Pool   postgres.Config // its settings keep their plain names: nesting adds no prefix
//	}
//
// Tags:
//
//	env         NAME or NAME,ALIAS,...: the first of them that is not empty wins
//	default     used when no name is set; written as it would be in the environment
//	required    "true": an error when neither the environment nor the caller gave a value
//	unit        "ms" or "s", on time.Duration: the variable is a whole number of these
//	min, max    inclusive bounds of numbers and durations, written as the value would be
//	oneof       a,b: the only values a string may have; on other types it only feeds the table
//	trim        "true": white space around a string or around the entries of a list is dropped, and so are empty entries
//	allowempty  "true": a variable set to the empty string means the empty value, not the default
//	doc         its meaning, for the table
//
// Types: string, bool, every int, uint and float, time.Duration, lists of strings (comma separated), [Secret], anything with
// UnmarshalText, and pointers to these (nil = unset). Structs without an env tag are walked; other fields without one are left alone.
//
// Where a value comes from, best first: the environment, what the field already holds when [Load] is called (a service's own default
// for a shared block), the default tag, the zero value. Variables set to the empty string count as unset, since compose files pass
// empty ones for "not configured"; allowempty is for the few settings where empty means something.
//
// A malformed struct (unsupported type, default that does not parse) is a programmer's mistake and panics.
package config
