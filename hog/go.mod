module github.com/hog-go/hog/hog

go 1.26

replace (
	github.com/hog-go/hog/capture => ../capture
	github.com/hog-go/hog/common => ../common
)
