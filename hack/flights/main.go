// Command flights turns the flight records of the vega-datasets package into the JSON lines that Weir's examples, tests
// and benchmarks read.
//
// Source: one row for each flight that US airlines reported to the Bureau of Transportation Statistics, sorted by
// departure. The package's own script, scripts/flights.py of github.com/vega/vega-datasets, says what the columns are:
//
//	date         actual departure, local time of the origin, to the minute, without a zone
//	delay        of the arrival against the schedule, in minutes; negative is early
//	distance     in miles
//	origin       IATA code of the airport of departure
//	destination  IATA code of the airport of arrival
//
// The program writes records in the order of date + delay, equal ones in the order of the source: as if each was reported
// so many minutes after its event time as the flight came in late. The event time, date, is then out of order by delays
// that happened; nothing is drawn at random. Below, date + delay is called the arrival of the record. One line is
//
//	{"date":"2001-01-01 00:01:00","delay":33,"distance":2176,"origin":"LAS","destination":"PHL"}
//
// with date as a SQL TIMESTAMP. The program refuses a source file whose SHA-256 is not the expected one.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

// options are the command line.
type options struct {
	pkg   string // the package's archive, as npm packs it
	set   string // name of the data set
	out   string // folder that receives the files
	skip  int    // arrivals to leave out at the start
	n     int    // arrivals to write; 0: all that follow
	files int    // consecutive files to write
}

func main() {
	o, err := parseOptions(os.Args[1:], os.Stderr)
	if err != nil {
		os.Exit(2) // the flag package has printed what is wrong
	}
	if err := run(o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "flights:", err)
		os.Exit(1)
	}
}

func parseOptions(args []string, usage io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("flights", flag.ContinueOnError)
	fs.SetOutput(usage)
	fs.StringVar(&o.pkg, "package", "", "`archive` of the package, as `npm pack` writes it")
	fs.StringVar(&o.set, "set", "flights-20k", "data set: "+datasetNames())
	fs.StringVar(&o.out, "out", "", "`folder` that receives the files; empty: print statistics only")
	fs.IntVar(&o.skip, "skip", 0, "leave out the first `count` arrivals")
	fs.IntVar(&o.n, "n", 0, "write `count` arrivals; 0: all")
	fs.IntVar(&o.files, "files", 1, "split the arrivals into `count` consecutive files")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if err := o.check(fs.NArg()); err != nil {
		_, _ = fmt.Fprintln(usage, "flights:", err) // the exit code tells it too
		return o, err
	}
	return o, nil
}

func (o options) check(operands int) error {
	switch {
	case operands > 0:
		return fmt.Errorf("%d arguments are not understood: everything is a flag, see -help", operands)
	case o.pkg == "":
		return fmt.Errorf("-package is missing: name the archive that `npm pack` wrote")
	case o.skip < 0, o.n < 0:
		return fmt.Errorf("-skip and -n count records: they cannot be negative")
	case o.files < 1:
		return fmt.Errorf("-files is %d: at least one file is written", o.files)
	}
	return nil
}

func run(o options, report io.Writer) error {
	flights, err := load(o.pkg, o.set)
	if err != nil {
		return err
	}
	sortByArrival(flights)
	if flights, err = extract(flights, o.skip, o.n); err != nil {
		return err
	}
	if err := measure(flights).print(report, o.set); err != nil {
		return err
	}
	if o.out == "" {
		return nil
	}
	name := o.set
	if o.n > 0 {
		name = fmt.Sprintf("flights-%s", short(o.n))
	}
	return write(o.out, name, flights, o.files)
}

// extract is the n arrivals after the first skip; n = 0 is all of them.
func extract(flights []flight, skip, n int) ([]flight, error) {
	if n == 0 {
		n = len(flights) - skip
	}
	if n <= 0 || skip+n > len(flights) {
		return nil, fmt.Errorf("%d arrivals after the first %d: there are %d in all", n, skip, len(flights))
	}
	return flights[skip : skip+n], nil
}

// short writes a number of records as the package's file names do: 2000 is 2k.
func short(n int) string {
	if n%1000 == 0 {
		return fmt.Sprintf("%dk", n/1000)
	}
	return fmt.Sprint(n)
}
