package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Connection says how the brokers are reached.
type Connection struct {
	// Bootstrap are the addresses host:port of brokers that know the others.
	Bootstrap []string
	// ClientID is what brokers call this client in their logs; empty: weir.
	ClientID string
	// TLS encrypts, with the certificates of files that are read for each client; nil: connections are not encrypted.
	TLS *TLS
	// SASL says who connects; nil: nobody in particular.
	SASL *SASL
}

// TLS is how connections are encrypted. Certificates and keys are PEM: the content if it begins with '-----BEGIN', else the path of a file.
type TLS struct {
	// Truststore are the authorities that brokers are trusted by; empty: those of the system.
	Truststore string
	// Certificate and Key are those of the client; empty: it shows none. A file may hold both.
	Certificate, Key string
	// AnyName accepts a certificate that was made for another host.
	AnyName bool
}

// SASL is who connects, and how it is proved.
type SASL struct {
	// Mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
	Mechanism string
	// Username and Password, unless Folder is set.
	Username, Password string
	// Folder has the files username and password, as a mounted Secret of Kubernetes does. They are read for each connection, so that
	// they may be exchanged while the job runs.
	Folder string
}

// askWait bounds what is asked of brokers once: where a topic is, which offsets it has. What they do not answer within it is an error
// that says why.
const askWait = 20 * time.Second

// client makes a client. Its errors are those of options: nothing is connected yet.
func (c *Connection) client(opts ...kgo.Opt) (*kgo.Client, error) {
	id := c.ClientID
	if id == "" {
		id = "weir"
	}
	all := []kgo.Opt{
		kgo.SeedBrokers(c.Bootstrap...), kgo.ClientID(id), kgo.SoftwareNameAndVersion("weir", "1"), kgo.DisableClientMetrics(),
		kgo.MetadataMinAge(250 * time.Millisecond), // a new leader is looked for at once
		kgo.DialTimeout(5 * time.Second), kgo.RetryTimeout(askWait / 2),
	}
	if c.TLS != nil {
		config, err := c.TLS.config()
		if err != nil {
			return nil, err
		}
		all = append(all, kgo.DialTLSConfig(config))
	}
	if c.SASL != nil {
		all = append(all, kgo.SASL(c.SASL.mechanism()))
	}
	return kgo.NewClient(append(all, opts...)...)
}

func (t *TLS) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.Truststore != "" {
		pem, err := content(t.Truststore)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("the truststore holds no certificate in PEM; convert a JKS or PKCS12 store with keytool and openssl")
		}
	}
	if t.Certificate != "" {
		certificate, err := content(t.Certificate)
		if err != nil {
			return nil, err
		}
		key := certificate
		if t.Key != "" {
			if key, err = content(t.Key); err != nil {
				return nil, err
			}
		}
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			return nil, fmt.Errorf("read the client's certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if t.AnyName {
		c.InsecureSkipVerify = true // of the name alone: the chain is verified below
		c.VerifyConnection = func(s tls.ConnectionState) error {
			v := x509.VerifyOptions{Roots: c.RootCAs, Intermediates: x509.NewCertPool()}
			for _, cert := range s.PeerCertificates[1:] {
				v.Intermediates.AddCert(cert)
			}
			_, err := s.PeerCertificates[0].Verify(v)
			return err
		}
	}
	return c, nil
}

// content is PEM that is given as such, or in a file.
func content(s string) ([]byte, error) {
	if strings.HasPrefix(strings.TrimSpace(s), "-----BEGIN") {
		return []byte(s), nil
	}
	return os.ReadFile(s)
}

func (s *SASL) mechanism() sasl.Mechanism {
	if s.Mechanism == "PLAIN" {
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			user, password, err := s.credentials()
			return plain.Auth{User: user, Pass: password}, err
		})
	}
	auth := func(context.Context) (scram.Auth, error) {
		user, password, err := s.credentials()
		return scram.Auth{User: user, Pass: password}, err
	}
	if s.Mechanism == "SCRAM-SHA-512" {
		return scram.Sha512(auth)
	}
	return scram.Sha256(auth)
}

func (s *SASL) credentials() (user, password string, err error) {
	if s.Folder == "" {
		return s.Username, s.Password, nil
	}
	for name, to := range map[string]*string{"username": &user, "password": &password} {
		b, err := os.ReadFile(filepath.Join(s.Folder, name))
		if err != nil {
			return "", "", fmt.Errorf("read the credentials for Kafka: %w", err)
		}
		*to = strings.TrimRight(string(b), "\r\n")
	}
	return user, password, nil
}

// String is what errors call the brokers.
func (c *Connection) String() string { return strings.Join(c.Bootstrap, ",") }
