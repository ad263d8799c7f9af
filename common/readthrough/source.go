package readthrough

// Source says where an answer came from and in what state the cache was found. Its values are label values of metrics.
type Source string

// The sources.
const (
	PositiveCache                  Source = "positive_cache"
	NegativeCache                  Source = "negative_cache"
	LoaderCacheMiss                Source = "loader_cache_miss"
	LoaderCacheCorrupted           Source = "loader_cache_corrupted"
	LoaderRedisUnavailable         Source = "loader_redis_unavailable"
	LoaderNotFoundCacheMiss        Source = "loader_not_found_cache_miss"
	LoaderNotFoundCacheCorrupted   Source = "loader_not_found_cache_corrupted"
	LoaderNotFoundRedisUnavailable Source = "loader_not_found_redis_unavailable"
)

// Cached tells whether the loader was spared.
func (s Source) Cached() bool { return s == PositiveCache || s == NegativeCache }
