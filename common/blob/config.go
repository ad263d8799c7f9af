package blob

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob/s3blob"

	"github.com/hog-go/hog/common/config"
)

// defaultRegion is what S3-compatible stores expect when they have no regions.
const defaultRegion = "us-east-1"

// Config says where a bucket is. Bucket is the only field without a useful zero value; the others are for S3.
type Config struct {
	// Bucket is a bucket's name, the same as s3://name, or a folder: an absolute path, the same as file:///path.
	Bucket string

	Endpoint  string // http:// or https:// address of a store other than AWS; a bucket is then a path under it, not a host
	Region    string // default: AWS_REGION and the other places where AWS's clients look, else us-east-1
	AccessKey string // with SecretKey; default: where AWS's clients look (AWS_ACCESS_KEY_ID, profile, role of the pod or machine)
	SecretKey config.Secret
	PathStyle bool // a bucket is a path at AWS, too

	// MaxAttempts is how often one request is sent at most; default 3. 1 is for a caller with an order of its own.
	MaxAttempts int
}

// Env is the block of variables that PostHog's services share. A service puts its own defaults into the fields before it loads
// them.
type Env struct {
	Bucket    string        `env:"OBJECT_STORAGE_BUCKET" doc:"bucket, or a folder: an absolute path or file:///path"`
	Endpoint  string        `env:"OBJECT_STORAGE_ENDPOINT" doc:"address of an S3-compatible store; empty is AWS"`
	Region    string        `env:"OBJECT_STORAGE_REGION" default:"us-east-1" doc:"region of the bucket"`
	AccessKey string        `env:"OBJECT_STORAGE_ACCESS_KEY_ID" doc:"access key; default: where AWS's clients look"`
	SecretKey config.Secret `env:"OBJECT_STORAGE_SECRET_ACCESS_KEY" doc:"secret of the access key"`
	PathStyle bool          `env:"OBJECT_STORAGE_FORCE_PATH_STYLE" default:"false" doc:"buckets are paths, not hosts; always so with an endpoint"`
}

// Config turns the variables into settings.
func (e Env) Config() Config {
	return Config{
		Bucket: e.Bucket, Endpoint: e.Endpoint, Region: e.Region, AccessKey: e.AccessKey, SecretKey: e.SecretKey, PathStyle: e.PathStyle,
	}
}

// Open checks cfg. It makes a folder that is not there, and asks no server for anything.
func Open(ctx context.Context, cfg Config) (*Bucket, error) {
	folder, name, err := cfg.place()
	if err != nil {
		return nil, err
	}
	if folder != "" {
		return openFolder(folder)
	}
	return openS3(ctx, cfg, name)
}

// place tells which of the two kinds cfg is.
func (c *Config) place() (folder, bucket string, err error) {
	scheme, rest, hasScheme := strings.Cut(c.Bucket, "://")
	switch {
	case c.Bucket == "":
		return "", "", errors.New("open bucket: it has no name")
	case filepath.IsAbs(c.Bucket):
		return filepath.Clean(c.Bucket), "", nil
	case scheme == "file" && hasScheme:
		u, err := url.Parse(c.Bucket)
		if err != nil || u.Host != "" || u.RawQuery != "" || !filepath.IsAbs(u.Path) {
			return "", "", fmt.Errorf("open bucket %q: a folder is written file:///absolute/path", c.Bucket)
		}
		return filepath.Clean(u.Path), "", nil
	case scheme == "s3" && hasScheme:
		bucket = strings.TrimSuffix(rest, "/")
	default:
		bucket = c.Bucket
	}
	if bucket == "" || strings.ContainsAny(bucket, "/:?") {
		return "", "", fmt.Errorf("open bucket %q: neither the name of a bucket nor an absolute path", c.Bucket)
	}
	if u, err := url.Parse(c.Endpoint); c.Endpoint != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return "", "", fmt.Errorf("open bucket %s: endpoint %q does not begin with http:// or https:// and a host", bucket, c.Endpoint)
	}
	if (c.AccessKey == "") != (c.SecretKey == "") {
		return "", "", fmt.Errorf("open bucket %s: the access key and its secret are set together or not at all", bucket)
	}
	return "", bucket, nil
}

func openS3(ctx context.Context, cfg Config, name string) (*Bucket, error) {
	settings, transport, err := cfg.aws(ctx)
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", name, err)
	}
	client := s3.NewFromConfig(settings, func(o *s3.Options) {
		o.UsePathStyle = cfg.PathStyle || cfg.Endpoint != ""
		if cfg.Endpoint != "" {
			o.BaseEndpoint = aws.String(cfg.Endpoint)
		}
	})
	bucket, err := s3blob.OpenBucket(ctx, client, name, &s3blob.Options{RequestChecksumCalculation: settings.RequestChecksumCalculation})
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", name, err)
	}
	b := &Bucket{name: "s3://" + name, bucket: bucket, s3: &s3Client{client: client, bucketName: name, transport: transport}}
	if cfg.Endpoint != "" {
		b.name += " at " + cfg.Endpoint
	}
	return b, nil
}

// aws makes the settings of AWS's client. It reads the environment and files, as that client does.
func (c *Config) aws(ctx context.Context) (aws.Config, *http.Transport, error) {
	var options []func(*awsconfig.LoadOptions) error
	if c.Region != "" {
		options = append(options, awsconfig.WithRegion(c.Region))
	}
	if c.AccessKey != "" {
		options = append(options, awsconfig.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(c.AccessKey, c.SecretKey.Reveal(), "")))
	}
	if c.MaxAttempts > 0 {
		options = append(options, awsconfig.WithRetryMaxAttempts(c.MaxAttempts))
	}
	settings, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, nil, err
	}
	if settings.Region == "" {
		settings.Region = defaultRegion
	}
	// The newer checksums come as trailers of a chunked body, which many compatible stores refuse.
	settings.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	settings.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if client, ok := settings.HTTPClient.(*awshttp.BuildableClient); ok { // it knows AWS_CA_BUNDLE
		transport = client.GetTransport()
	}
	settings.HTTPClient = &http.Client{
		Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return settings, transport, nil
}
