package rest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const jobUID = "7d3f0f0a-6a0e-4d1f-9d6c-0b5a4d0c9f11"

var operatorKey = bytes.Repeat([]byte{7}, 32)

func identity(t *testing.T, key []byte, uid string) *Identity {
	t.Helper()
	id, err := NewIdentity(key, uid)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// The bytes are a contract between versions: pods that run keep theirs when the operator is upgraded, and it must know them
// again. A change here means that no operator of the new version reaches a job of the old one.
func TestAnIdentityIsTheSameForEver(t *testing.T) {
	id := identity(t, operatorKey, jobUID)
	files := id.Files()
	got := map[string]string{"operator's token": id.OperatorToken()}
	for name, content := range files {
		got[name] = fmt.Sprintf("%x", sha256.Sum256(content))
	}
	want := map[string]string{
		"operator's token": "f4d0536765865bda6fc9cbcb22f39dbdfacd2cda26976d7a8f3b4e4b9af6d45a",
		OperatorFile:       "2e44bc842ae58cd60c296349cbb02cd8ff898d37d49c9c33f7b8fe7ab01dffea",
		CertificateFile:    "b48b5efe4cfd770ac811105e39be22860c8571e121e84c8ed20278cabcb89d05",
		KeyFile:            "8b4202158430619f601aeac3741d228999e8a555361c2d551d249614cb8099aa",
		TokenFile:          "99fb49419bda4f29a117ce6bac05ae4b620e8174ff8cd0a0d5ebc7328eb1b961",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again := identity(t, bytes.Clone(operatorKey), jobUID).Files(); !cmp.Equal(files, again) {
		t.Error("a second derivation is another")
	}
	if sum := sha256.Sum256([]byte(id.OperatorToken())); id.OperatorTokenHash() != hex.EncodeToString(sum[:]) {
		t.Errorf("%s is not the hash of the operator's token", id.OperatorTokenHash())
	}
}

func TestNothingOfAnIdentityIsThatOfAnother(t *testing.T) {
	seen := map[string]string{}
	for name, id := range map[string]*Identity{
		"a job":                       identity(t, operatorKey, jobUID),
		"another job":                 identity(t, operatorKey, jobUID[1:]),
		"the same of another cluster": identity(t, bytes.Repeat([]byte{8}, 32), jobUID),
	} {
		for what, secret := range map[string]string{"token": id.Token(), "operator's token": id.OperatorToken(),
			"certificate": string(id.CertificatePEM()), "key": string(id.KeyPEM())} {
			if other, ok := seen[secret]; ok {
				t.Errorf("the %s of %s is the %s", what, name, other)
			}
			seen[secret] = what + " of " + name
		}
	}
}

func TestTheCertificateServesAndDoesNothingElse(t *testing.T) {
	id := identity(t, operatorKey, jobUID)
	c := id.certificate
	if c.IsCA || c.KeyUsage != x509.KeyUsageDigitalSignature || !slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) {
		t.Errorf("IsCA %t, usage %v %v", c.IsCA, c.KeyUsage, c.ExtKeyUsage)
	}
	if !slices.Equal(c.DNSNames, []string{PodServerName}) || len(c.IPAddresses) != 0 {
		t.Errorf("names %v %v", c.DNSNames, c.IPAddresses)
	}
	if c.NotAfter.Year() != 9999 {
		t.Errorf("it expires: %v", c.NotAfter)
	}
	if _, ok := c.PublicKey.(ed25519.PublicKey); !ok {
		t.Errorf("key %T", c.PublicKey)
	}
}

func TestWhatNoIdentityIsMadeOf(t *testing.T) {
	for name, c := range map[string]struct {
		key       []byte
		uid, want string
	}{
		"no key":      {nil, jobUID, "needs at least 32"},
		"a short key": {operatorKey[:31], jobUID, "needs at least 32"},
		"no UID":      {operatorKey, "", "no UID"},
	} {
		if _, err := NewIdentity(c.key, c.uid); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// folder writes the files of an identity, changed.
func folder(t *testing.T, change func(files map[string][]byte)) string {
	t.Helper()
	files := identity(t, operatorKey, jobUID).Files()
	change(files)
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestThePodReadsWhatTheOperatorWrote(t *testing.T) {
	id := identity(t, operatorKey, jobUID)
	for name, change := range map[string]func(map[string][]byte){
		"as it is": func(map[string][]byte) {},
		"with the newline that an editor adds": func(f map[string][]byte) {
			f[TokenFile] = append(f[TokenFile], '\n')
			f[OperatorFile] = append(f[OperatorFile], "\r\n"...)
		},
	} {
		s, err := ReadIdentity(folder(t, change))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s.Token != id.Token() || hex.EncodeToString(s.OperatorTokenHash) != id.OperatorTokenHash() ||
			!bytes.Equal(s.Certificate.Certificate[0], id.certificate.Raw) {
			t.Errorf("%s: it is another identity", name)
		}
	}
}

func TestFoldersThatHoldNoIdentity(t *testing.T) {
	other := identity(t, bytes.Repeat([]byte{8}, 32), jobUID)
	set := func(name, content string) func(map[string][]byte) {
		return func(f map[string][]byte) { f[name] = []byte(content) }
	}
	without := func(name string) func(map[string][]byte) {
		return func(f map[string][]byte) { delete(f, name) }
	}
	for name, c := range map[string]struct {
		change func(map[string][]byte)
		want   string // in the error
	}{
		"nothing":                     {func(f map[string][]byte) { clear(f) }, TokenFile},
		"no token":                    {without(TokenFile), TokenFile},
		"no hash":                     {without(OperatorFile), OperatorFile},
		"no certificate":              {without(CertificateFile), CertificateFile},
		"no key":                      {without(KeyFile), KeyFile},
		"an empty token":              {set(TokenFile, ""), TokenFile},
		"a token of blanks":           {set(TokenFile, " \n"), TokenFile},
		"a token of another form":     {set(TokenFile, "hunter2"), TokenFile},
		"a token in capitals":         {set(TokenFile, strings.Repeat("AB", 32)), TokenFile},
		"a short hash":                {set(OperatorFile, strings.Repeat("ab", 31)), OperatorFile},
		"a hash that is none":         {set(OperatorFile, strings.Repeat("zz", 32)), OperatorFile},
		"a certificate that is none":  {set(CertificateFile, "-----BEGIN"), CertificateFile},
		"a key that is none":          {set(KeyFile, "-----BEGIN"), KeyFile},
		"the key of another identity": {set(KeyFile, string(other.KeyPEM())), KeyFile},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := ReadIdentity(folder(t, c.change))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "mounted from the Secret") {
				t.Fatalf("%v", err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("it tells what the file holds: %v", err)
			}
			if s.Token != "" || s.OperatorTokenHash != nil || s.Certificate.PrivateKey != nil {
				t.Error("it returns half of an identity")
			}
		})
	}
	if _, err := ReadIdentity(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("a folder that is not there is read")
	}
}

func TestAnIdentityIsNotPrinted(t *testing.T) {
	id := identity(t, operatorKey, jobUID)
	s, err := ReadIdentity(folder(t, func(map[string][]byte) {}))
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%s", "%#v"} {
		text := fmt.Sprintf(format+format+format, id, s, &s)
		if len(text) > 200 || strings.Contains(text, id.Token()) || strings.Contains(text, id.OperatorToken()) {
			t.Errorf("%s: %s", format, text)
		}
	}
}

// pod serves a job with a certificate on a port of its own, and counts who got through to it. A nil identity is a pod
// that speaks plain HTTP.
func pod(t *testing.T, id *Identity) (address string, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		if _, err := w.Write([]byte(`{"id":"delays","state":"Running"}`)); err != nil {
			t.Error(err)
		}
	}))
	if id == nil {
		s.Start()
	} else {
		certificate, err := tls.X509KeyPair(id.CertificatePEM(), id.KeyPEM())
		if err != nil {
			t.Fatal(err)
		}
		s.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
		s.StartTLS()
	}
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), asked
}

func TestThePodClientTrustsOneCoordinator(t *testing.T) {
	mine := identity(t, operatorKey, jobUID)
	for _, c := range []struct {
		name    string
		pod     *Identity
		trusted bool
	}{
		{"its own", mine, true},
		{"that of another job", identity(t, operatorKey, "another"), false},
		{"that of another operator", identity(t, bytes.Repeat([]byte{8}, 32), jobUID), false},
		{"one without TLS", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			address, asked := pod(t, c.pod)
			client, err := NewPodClient(address, mine)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			job, err := client.Job(t.Context())
			if c.trusted {
				if err != nil || job.ID != "delays" {
					t.Errorf("%+v %v", job, err)
				}
				return
			}
			if !IsUntrusted(err) || IsUnreachable(err) {
				t.Errorf("untrusted %t, unreachable %t: %v", IsUntrusted(err), IsUnreachable(err), err)
			}
			if asked.Load() != 0 {
				t.Error("it got a request, and so the token")
			}
		})
	}
}

func TestThePodClientGoesNowhereElse(t *testing.T) {
	id := identity(t, operatorKey, jobUID)
	client, err := NewPodClient("10.0.0.1:8443", id)
	if err != nil {
		t.Fatal(err)
	}
	transport, ok := client.http.Transport.(*http.Transport)
	if !ok || transport.Proxy != nil {
		t.Error("it asks through proxies")
	}
	if c := transport.TLSClientConfig; c.InsecureSkipVerify || c.MinVersion != tls.VersionTLS13 || c.ServerName != PodServerName {
		t.Errorf("TLS from %x, as %q, unverified %t", c.MinVersion, c.ServerName, c.InsecureSkipVerify)
	}
	if err := client.http.CheckRedirect(nil, nil); err != http.ErrUseLastResponse { //nolint:errorlint // the very value
		t.Errorf("it follows redirects: %v", err)
	}
	if client.token != id.OperatorToken() {
		t.Error("it does not bear the operator's token")
	}
}

func TestWhatIsNoAddressOfAPod(t *testing.T) {
	id := identity(t, operatorKey, jobUID)
	for _, address := range []string{"", "10.0.0.1", ":8443", "10.0.0.1:", "10.0.0.1:api", "10.0.0.1:70000", "https://10.0.0.1:8443", "::1:8443"} {
		if _, err := NewPodClient(address, id); err == nil || !strings.Contains(err.Error(), "write host:port") {
			t.Errorf("%q: %v", address, err)
		}
	}
	for address, want := range map[string]string{"10.0.0.1:8443": "https://10.0.0.1:8443", "[fd00::1]:8443": "https://[fd00::1]:8443"} {
		if c, err := NewPodClient(address, id); err != nil || c.Base() != want {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestWhoIsUntrusted(t *testing.T) {
	c := coordinator(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	if _, err := c.Job(t.Context()); !IsUntrusted(err) {
		t.Errorf("a token that is not taken: %v", err)
	}
	for _, err := range []error{nil, context.DeadlineExceeded, &Error{Code: Conflict}, &Error{Code: Unavailable}} {
		if IsUntrusted(err) {
			t.Errorf("%v", err)
		}
	}
}

func TestTheNamesOfTheFilesAreThoseOfTheSecret(t *testing.T) {
	got := slices.Sorted(maps.Keys(identity(t, operatorKey, jobUID).Files()))
	if diff := cmp.Diff([]string{"operator.sha256", "tls.crt", "tls.key", "token"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
