package expr

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/url"
	"strconv"
	"unicode/utf8"

	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/types"
)

// encodingFunctions write strings in other forms. Digests are no protection of secrets here: they name and compare data.
func encodingFunctions() []function {
	return []function{
		plain("ASCII(s STRING) INT", "The first byte of the string, from -128 to 127; 0 if it is empty.", types.Int(), intPerRow(ascii), 1, text),
		plain("CHR(n INT) STRING", "The character with the number n modulo 256; the empty string for a negative n.", types.String(), perRow(chr), 1, whole),
		plain("BIN(n INT) STRING", "The number in binary digits.", types.String(), perRow(func(_ *Run, a *row, dst []byte) ([]byte, bool) {
			return strconv.AppendUint(dst, uint64(a.int(0)), 2), true
		}), 1, whole),
		special("HEX(x INT, BIGINT or STRING) STRING", "The number, or the bytes of the string, in hexadecimal digits.", bindHex),
		plain("TO_BASE64(s STRING) STRING", "The string in base 64.", types.String(), perRow(func(_ *Run, a *row, dst []byte) ([]byte, bool) {
			return base64.StdEncoding.AppendEncode(dst, a.text(0)), true
		}), 1, text),
		plain("FROM_BASE64(s STRING) STRING", "The string that s is in base 64.", types.String(), buildFromBase64, 1, text),
		plain("URL_ENCODE(s STRING) STRING", "The string as application/x-www-form-urlencoded.", types.String(), perRow(urlEncode), 1, text),
		plain("URL_DECODE(s STRING) STRING", "The string that s is as application/x-www-form-urlencoded; NULL if it is none.", types.String(), perRow(urlDecode), 1, text).orNull(),
		plain("MD5(s STRING) STRING", "The MD5 digest of the string in hexadecimal digits.", types.String(), buildDigest(md5.New), 1, text),
		plain("SHA1(s STRING) STRING", "The SHA-1 digest in hexadecimal digits.", types.String(), buildDigest(sha1.New), 1, text),
		plain("SHA224(s STRING) STRING", "The SHA-224 digest in hexadecimal digits.", types.String(), buildDigest(sha256.New224), 1, text),
		plain("SHA256(s STRING) STRING", "The SHA-256 digest in hexadecimal digits.", types.String(), buildDigest(sha256.New), 1, text),
		plain("SHA384(s STRING) STRING", "The SHA-384 digest in hexadecimal digits.", types.String(), buildDigest(sha512.New384), 1, text),
		plain("SHA512(s STRING) STRING", "The SHA-512 digest in hexadecimal digits.", types.String(), buildDigest(sha512.New), 1, text),
		plain("SHA2(s STRING, bits INT) STRING", "The digest of 224, 256, 384 or 512 bits in hexadecimal digits.", types.String(), buildSHA2, 2, text, whole),
	}
}

func ascii(a *row) int32 {
	if s := a.text(0); len(s) > 0 {
		return int32(int8(s[0])) // Java's bytes have a sign
	}
	return 0
}

func chr(_ *Run, a *row, dst []byte) ([]byte, bool) {
	if n := a.int(0); n >= 0 {
		dst = utf8.AppendRune(dst, rune(n&0xff))
	}
	return dst, true
}

func bindHex(b *binder, c *parser.Call) (Expr, error) {
	x, err := b.one(c)
	if err != nil {
		return nil, err
	}
	f := function{Function: lookup(c.Name).Function, params: []kind{whole}, required: 1, result: types.String(), build: perRow(hexNumber)}
	if x.Type().Is(types.KindVarChar) {
		f.params, f.build = []kind{text}, perRow(hexText)
	}
	return f.apply(c.Pos, []Expr{x})
}

func hexNumber(_ *Run, a *row, dst []byte) ([]byte, bool) {
	start := len(dst)
	dst = strconv.AppendUint(dst, uint64(a.int(0)), 16)
	copy(dst[start:], bytes.ToUpper(dst[start:]))
	return dst, true
}

func hexText(_ *Run, a *row, dst []byte) ([]byte, bool) {
	for _, c := range a.text(0) {
		dst = append(dst, upperHex[c>>4], upperHex[c&15])
	}
	return dst, true
}

const upperHex = "0123456789ABCDEF"

func buildFromBase64(c *Call, args []Eval) Eval {
	return rowText(args, true, func(r *Run, a *row, dst []byte) ([]byte, bool) {
		out, err := base64.StdEncoding.AppendDecode(dst, a.text(0))
		if err != nil {
			r.fail(c.Pos, "filter such rows with REGEXP", "%s is not in base 64", quote(a.text(0)))
			return dst, false
		}
		if decoded := out[len(dst):]; !utf8.Valid(decoded) {
			return append(dst, bytes.ToValidUTF8(decoded, []byte("\uFFFD"))...), true
		}
		return out, true
	})
}

// urlEncode leaves the characters as they are that Java's URLEncoder leaves.
func urlEncode(_ *Run, a *row, dst []byte) ([]byte, bool) {
	for _, c := range a.text(0) {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '.', c == '-', c == '*', c == '_':
			dst = append(dst, c)
		case c == ' ':
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst, true
}

func urlDecode(_ *Run, a *row, dst []byte) ([]byte, bool) {
	s, err := url.QueryUnescape(string(a.text(0)))
	if err != nil {
		return dst, false
	}
	return append(dst, bytes.ToValidUTF8([]byte(s), []byte("\uFFFD"))...), true
}

func buildDigest(algorithm func() hash.Hash) builder {
	return func(_ *Call, args []Eval) Eval {
		h := algorithm()
		sum := make([]byte, 0, h.Size())
		return rowText(args, true, func(_ *Run, a *row, dst []byte) ([]byte, bool) {
			h.Reset()
			h.Write(a.text(0))
			sum = h.Sum(sum[:0])
			return hex.AppendEncode(dst, sum), true
		})
	}
}

func buildSHA2(c *Call, args []Eval) Eval {
	digests := map[int64]hash.Hash{224: sha256.New224(), 256: sha256.New(), 384: sha512.New384(), 512: sha512.New()}
	return rowText(args, true, func(r *Run, a *row, dst []byte) ([]byte, bool) {
		h := digests[a.int(1)]
		if h == nil {
			r.fail(c.Pos, "write 224, 256, 384 or 512", "SHA2 has no digest of %d bits", a.int(1))
			return dst, false
		}
		h.Reset()
		h.Write(a.text(0))
		return hex.AppendEncode(dst, h.Sum(nil)), true
	})
}
