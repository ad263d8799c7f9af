module github.com/hog-go/hog/capture

go 1.26

replace github.com/hog-go/hog/common => ../common
