package inspect

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
)

// encoded returns texts that programs write with a secret in them, by form.
func encoded(secret []byte) map[string][][]byte {
	out := map[string][][]byte{"as it is": {secret}}
	for before := range 4 {
		for after := range 4 {
			b := []byte(strings.Repeat("x", before) + string(secret) + strings.Repeat("y", after))
			out["base64"] = append(out["base64"], []byte(base64.StdEncoding.EncodeToString(b)), []byte(base64.URLEncoding.EncodeToString(b)))
			out["hexadecimal"] = append(out["hexadecimal"], []byte(hex.EncodeToString(b)), []byte(strings.ToUpper(hex.EncodeToString(b))))
			out["as in a URL"] = append(out["as in a URL"], []byte(url.QueryEscape(string(b))), []byte(url.PathEscape(string(b))))
			text, _ := json.Marshal(map[string]string{"k": string(b)})
			out["as in JSON"] = append(out["as in JSON"], text)
		}
	}
	var wide []byte
	for _, c := range string(secret) {
		wide = append(wide, byte(c), byte(c>>8))
	}
	out["UTF-16"] = [][]byte{wide}
	return out
}
