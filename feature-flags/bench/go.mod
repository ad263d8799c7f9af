module github.com/hog-go/hog/feature-flags/bench

go 1.26.0

replace (
	github.com/hog-go/hog/common => ../../common
	github.com/hog-go/hog/feature-flags => ../
)

require (
	github.com/hog-go/hog/feature-flags v0.0.0-00010101000000-000000000000
	github.com/posthog/posthog-go v1.5.2
)

require (
	github.com/dlclark/regexp2/v2 v2.5.2 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/hog-go/hog/common v0.0.0-00010101000000-000000000000 // indirect
	golang.org/x/text v0.43.0 // indirect
)
