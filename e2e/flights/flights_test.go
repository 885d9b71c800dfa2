package flights

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func extract(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", Extract))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// times returns the event times of the files, one after the other.
func times(t *testing.T, files []File) []time.Time {
	t.Helper()
	var all []time.Time
	for _, f := range files {
		lines := bytes.Split(bytes.TrimSpace(f.Content), []byte("\n"))
		if len(lines) != f.Records {
			t.Errorf("%s has %d lines and says %d records", f.Name, len(lines), f.Records)
		}
		for _, line := range lines {
			var r Record
			if err := json.Unmarshal(line, &r); err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse(Layout, r.Date)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, at)
		}
	}
	return all
}

func TestOneCopyInOneFileIsTheExtractItself(t *testing.T) {
	want := extract(t)
	files, late, err := Make(want, Options{Records: 2000, Files: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 || late != 0 || !bytes.Equal(files[0].Content, want) {
		t.Errorf("%d files, %d late, or other bytes than the extract's", len(files), late)
	}
}

func TestDisorderStaysThatOfTheExtractOverCopiesAndFiles(t *testing.T) {
	files, _, err := Make(extract(t), Options{Records: 7001, Files: 9})
	if err != nil {
		t.Fatal(err)
	}
	all := times(t, files)
	if len(all) != 7001 || len(files) != 9 {
		t.Fatalf("%d records in %d files, want 7001 in 9", len(all), len(files))
	}
	newest, most := all[0], time.Duration(0)
	for _, at := range all {
		if at.After(newest) {
			newest = at
		}
		most = max(most, newest.Sub(at))
	}
	if most != Disorder {
		t.Errorf("a record is %v behind the newest, the extract's furthest is %v", most, Disorder)
	}
}

func TestTheSameSeedMakesTheSameRecordsLate(t *testing.T) {
	o := Options{Records: 6000, Files: 3, Late: 0.01, Delay: 10 * time.Hour, Seed: 1}
	one, late, err := Make(extract(t), o)
	if err != nil {
		t.Fatal(err)
	}
	if late < 30 || late > 120 {
		t.Errorf("%d of 6000 records are late, want about 60", late)
	}
	two, again, err := Make(extract(t), o)
	if err != nil {
		t.Fatal(err)
	}
	if again != late {
		t.Errorf("%d records late, then %d", late, again)
	}
	for i := range one {
		if !bytes.Equal(one[i].Content, two[i].Content) {
			t.Errorf("%s differs between two runs", one[i].Name)
		}
	}
}

func TestABrokenExtractIsRefusedWithItsLine(t *testing.T) {
	for _, text := range []string{"{\"date\":1}", "{\"date\":\"yesterday\"}"} {
		if _, _, err := Make([]byte(text), Options{Records: 1, Files: 1}); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}
