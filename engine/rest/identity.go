package rest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The files of an identity, which are the keys of the Secret that a pod mounts.
const (
	TokenFile       = "token"           // what users bear
	OperatorFile    = "operator.sha256" // the hash of what the operator bears, in hexadecimal
	CertificateFile = "tls.crt"         // PEM
	KeyFile         = "tls.key"         // PEM, PKCS #8
)

// PodServerName is the name in the certificate of every coordinator in a pod; no DNS server needs to know it. A client
// tells coordinators apart by the certificate, not by the name.
const PodServerName = "coordinator.weir.stream"

// minOperatorKey is the least length of the operator's key, in bytes: that of what is derived from it.
const minOperatorKey = sha256.Size

// dialTimeout bounds the connection and the handshake, each, with a coordinator in a pod.
const dialTimeout = 5 * time.Second

// Identity is how the operator and one job's coordinator know each other. All of it is derived from the operator's key and
// the UID of the StreamJob, always to the same bytes: an operator that restarts needs to read back no job's secret, and
// what it writes again changes nothing. Who knows one identity learns nothing of the key, or of another job's identity.
//
//	seed     = HMAC-SHA256(operator key, "weir/v1 job " + UID)
//	tokens   = hex(HMAC-SHA256(seed, "token")), hex(HMAC-SHA256(seed, "operator"))
//	TLS key  = Ed25519 from the seed HMAC-SHA256(seed, "tls")
//
// The certificate is self-signed (RFC 5280; the signature of RFC 8032 needs no randomness) and never expires: it is
// trusted because it is this one, for as long as the StreamJob is there.
type Identity struct {
	jobUID          string
	token, operator string
	certificate     *x509.Certificate
	certPEM, keyPEM []byte
}

// NewIdentity derives the identity of a StreamJob. The operator's key has at least 32 random bytes.
func NewIdentity(operatorKey []byte, jobUID string) (*Identity, error) {
	if len(operatorKey) < minOperatorKey {
		return nil, fmt.Errorf("the operator's key has %d bytes, and needs at least %d", len(operatorKey), minOperatorKey)
	}
	if jobUID == "" {
		return nil, errors.New("derive an identity: the StreamJob has no UID yet")
	}
	seed := derive(operatorKey, "weir/v1 job "+jobUID)
	key := ed25519.NewKeyFromSeed(derive(seed, "tls"))
	certificate, err := selfSigned(key)
	if err != nil {
		return nil, fmt.Errorf("derive the certificate of StreamJob %s: %w", jobUID, err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("derive the TLS key of StreamJob %s: %w", jobUID, err)
	}
	return &Identity{
		jobUID:      jobUID,
		token:       hex.EncodeToString(derive(seed, "token")),
		operator:    hex.EncodeToString(derive(seed, "operator")),
		certificate: certificate,
		certPEM:     pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}),
		keyPEM:      pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}, nil
}

// derive is HMAC-SHA256 (RFC 2104).
func derive(key []byte, purpose string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(purpose)) // a hash takes everything
	return h.Sum(nil)
}

// selfSigned returns the certificate of a key. Every field is fixed: a pod goes on with the certificate that it was
// started with, and the operator, a later version included, must derive the same bytes to trust it.
func selfSigned(key ed25519.PrivateKey) (*x509.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: PodServerName},
		DNSNames:     []string{PodServerName},
		NotBefore:    time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // "no expiration", RFC 5280 4.1.2.5
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		// It signs nothing: who has the key of one job is not believed to be another.
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// Token is what users bear: they read, and take savepoints and checkpoints.
func (id *Identity) Token() string { return id.token }

// OperatorToken is what the operator bears. It is written nowhere: the coordinator knows its hash.
func (id *Identity) OperatorToken() string { return id.operator }

// OperatorTokenHash is the SHA-256 of the operator's token, in hexadecimal.
func (id *Identity) OperatorTokenHash() string {
	sum := sha256.Sum256([]byte(id.operator))
	return hex.EncodeToString(sum[:])
}

// CertificatePEM is the certificate that the coordinator shows, and the only one that its clients trust.
func (id *Identity) CertificatePEM() []byte { return append([]byte(nil), id.certPEM...) }

// KeyPEM is the certificate's private key.
func (id *Identity) KeyPEM() []byte { return append([]byte(nil), id.keyPEM...) }

// Files are the contents, by name, of the folder that ReadIdentity reads: the data of the pod's Secret.
func (id *Identity) Files() map[string][]byte {
	return map[string][]byte{
		TokenFile:       []byte(id.token),
		OperatorFile:    []byte(id.OperatorTokenHash()),
		CertificateFile: id.CertificatePEM(),
		KeyFile:         id.KeyPEM(),
	}
}

// String names the job, and no secret.
func (id *Identity) String() string { return "identity of StreamJob " + id.jobUID }

// GoString is String.
func (id *Identity) GoString() string { return id.String() }

// ServerIdentity is an Identity as the coordinator in the pod has it.
type ServerIdentity struct {
	// Token is what users bear.
	Token string
	// OperatorTokenHash is the SHA-256 of the operator's token, 32 bytes.
	OperatorTokenHash []byte
	// Certificate and its key are what the server shows.
	Certificate tls.Certificate
}

// Equal tells whether two are the same.
func (s ServerIdentity) Equal(other ServerIdentity) bool {
	return s.Token == other.Token && bytes.Equal(s.OperatorTokenHash, other.OperatorTokenHash) &&
		slices.EqualFunc(s.Certificate.Certificate, other.Certificate.Certificate, bytes.Equal)
}

// String tells no secret.
func (ServerIdentity) String() string { return "identity of a coordinator" }

// GoString is String.
func (s ServerIdentity) GoString() string { return s.String() }

// ReadIdentity reads the files of an identity from the folder that the Secret is mounted as.
func ReadIdentity(dir string) (ServerIdentity, error) {
	s, err := readIdentity(dir)
	if err != nil {
		return ServerIdentity{}, fmt.Errorf("read the job's identity: %w; the folder is mounted from the Secret that the operator writes", err)
	}
	return s, nil
}

func readIdentity(dir string) (s ServerIdentity, err error) {
	if s.Token, err = readHash(dir, TokenFile); err != nil {
		return s, err
	}
	hash, err := readHash(dir, OperatorFile)
	if err != nil {
		return s, err
	}
	if s.OperatorTokenHash, err = hex.DecodeString(hash); err != nil {
		return s, err
	}
	certificate, err := os.ReadFile(filepath.Join(dir, CertificateFile))
	if err != nil {
		return s, err
	}
	key, err := os.ReadFile(filepath.Join(dir, KeyFile))
	if err != nil {
		return s, err
	}
	if s.Certificate, err = tls.X509KeyPair(certificate, key); err != nil {
		return s, fmt.Errorf("%s and %s in %s: %w", CertificateFile, KeyFile, dir, err)
	}
	return s, nil
}

// readHash reads a file that holds 32 bytes in lower-case hexadecimal, as all of the secrets do that are text. What it
// holds instead is not told: it may be one.
func readHash(dir, name string) (string, error) {
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	hash := strings.TrimSpace(string(text))
	decoded, err := hex.DecodeString(hash)
	if err != nil || len(decoded) != sha256.Size || hash != strings.ToLower(hash) {
		return "", fmt.Errorf("%s does not hold %d lower-case hexadecimal digits", path, 2*sha256.Size)
	}
	return hash, nil
}

// NewPodClient returns the operator's client for the coordinator at host:port that has this identity, and for no other:
// whoever else listens there learns no token. Close it when the pod is gone.
func NewPodClient(address string, id *Identity) (*Client, error) {
	host, port, err := net.SplitHostPort(address)
	if err == nil && host == "" {
		err = errors.New("it has no host")
	}
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return nil, fmt.Errorf("%q is no address of a coordinator: write host:port: %w", address, err)
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(id.certificate)
	transport := &http.Transport{
		Proxy:               nil, // not even from the environment: pods are reached directly
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout: dialTimeout,
		IdleConnTimeout:     time.Minute,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: trusted, ServerName: PodServerName},
	}
	return NewClient("https://"+net.JoinHostPort(host, port), id.operator, &http.Client{Transport: transport, CheckRedirect: noRedirect})
}

// IsUntrusted tells that somebody answered who is not the coordinator of the client's identity, or does not take it for the
// operator: the address is another pod's by now, or the operator's key is another than when the pod was started.
func IsUntrusted(err error) bool {
	var refused *Error
	if errors.As(err, &refused) {
		return refused.Code == Unauthorized
	}
	var certificate *tls.CertificateVerificationError
	var noTLS tls.RecordHeaderError
	return errors.As(err, &certificate) || errors.As(err, &noTLS) || errors.Is(err, http.ErrSchemeMismatch)
}
