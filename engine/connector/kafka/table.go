package kafka

import (
	"log/slog"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/connector/table"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/types"
)

// The options that say where rows come from.
const (
	OptionTopic   = "topic"
	OptionPattern = "topic-pattern"
)

// The other options of the connector, with Flink's names and defaults; those of brokers have Kafka's, behind 'properties.'. Of Weir are
// 'properties.sasl.credentials.folder', and 'sink.lost-transactions'.
const (
	optionStartMode     = "scan.startup.mode"
	optionStartOffsets  = "scan.startup.specific-offsets"
	optionStartMillis   = "scan.startup.timestamp-millis"
	optionStopMode      = "scan.bounded.mode"
	optionStopOffsets   = "scan.bounded.specific-offsets"
	optionStopMillis    = "scan.bounded.timestamp-millis"
	optionDiscovery     = "scan.topic-partition-discovery.interval"
	optionFormat        = "format"
	optionValueFormat   = "value.format"
	optionKeyFormat     = "key.format"
	optionKeyFields     = "key.fields"
	optionKeyPrefix     = "key.fields-prefix"
	optionValueInclude  = "value.fields-include"
	optionGuarantee     = "sink.delivery-guarantee"
	optionIDPrefix      = "sink.transactional-id-prefix"
	optionPartitioner   = "sink.partitioner"
	optionLost          = "sink.lost-transactions"
	defaultDiscovery    = 5 * time.Minute
	defaultTransactions = "weir"

	bootstrapServers = "bootstrap.servers"
	groupID          = "group.id"
	offsetReset      = "auto.offset.reset"
	isolationLevel   = "isolation.level"

	topicRemedy  = "write 'topic' = 'orders', or several names between ';', or 'topic-pattern'"
	sinkRemedy   = "write 'topic' = 'orders'"
	serverRemedy = "write 'properties.bootstrap.servers' = 'host:9092', with commas between several"
)

var sourceOptions = []string{OptionPattern, optionStartMode, optionStartOffsets, optionStartMillis, optionStopMode, optionStopOffsets, optionStopMillis, optionDiscovery}

var sinkOptions = []string{optionGuarantee, optionIDPrefix, optionPartitioner, optionLost}

// sourceProperties and sinkProperties are what only one of the two reads of the properties.
var (
	sourceProperties = []string{groupID, offsetReset, isolationLevel, "fetch.min.bytes", "fetch.max.bytes", "fetch.max.wait.ms", "max.partition.fetch.bytes"}
	sinkProperties   = []string{"acks", "compression.type", "linger.ms", "max.request.size", "delivery.timeout.ms", "transaction.timeout.ms"}
)

// Formats make the format that an option names, with its own options: to read, and to write values.
type Formats struct {
	Read  func(o *table.Options, option string) (codec.Format, error)
	Write func(o *table.Options, option string) (codec.WriteFormat, error)
}

// TableSource makes the source of a table.
func TableSource(t table.Spec, formats Formats, log *slog.Logger) (connector.Source, error) {
	o := t.Options
	o.Allow(sinkOptions...)
	properties := o.Under("properties.")
	properties.Allow(sinkProperties...)
	c := SourceConfig{Schema: t.Schema, Log: log}
	var err error
	if c.Connection, err = readConnection(properties); err != nil {
		return nil, err
	}
	if err = readTopics(o, &c); err != nil {
		return nil, err
	}
	if c.Record, err = readRecord(t, formats, false); err != nil {
		return nil, err
	}
	if err = readStart(o, &c); err != nil {
		return nil, err
	}
	if err = readStop(o, &c); err != nil {
		return nil, err
	}
	if c.Discovery, err = o.Duration(optionDiscovery, defaultDiscovery); err != nil {
		return nil, err
	}
	if err = readFetch(properties, &c); err != nil {
		return nil, err
	}
	return NewSource(c), nil
}

// readTopics reads which topics are read.
func readTopics(o *table.Options, c *SourceConfig) error {
	names, named := o.Get(OptionTopic)
	pattern, matched := o.Get(OptionPattern)
	switch {
	case named && matched:
		return o.Errorf(OptionPattern, "set only one of the two", "'%s' says already what is read", OptionTopic)
	case matched:
		var err error
		if c.Pattern, err = regexp.Compile("^(?:" + pattern + ")$"); err != nil {
			return o.Errorf(OptionPattern, "write a regular expression that matches whole names, such as 'orders-.*'", "%v", err)
		}
		return nil
	}
	for name := range strings.SplitSeq(names, ";") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(c.Topics, name) {
			c.Topics = append(c.Topics, name)
		}
	}
	if len(c.Topics) == 0 {
		return o.Errorf(OptionTopic, topicRemedy, "it is required and is not set")
	}
	return nil
}

func readStart(o *table.Options, c *SourceConfig) (err error) {
	mode, err := o.OneOf(optionStartMode, string(Group), string(Earliest), string(Latest), string(Timestamp), string(Specific))
	if err != nil {
		return err
	}
	c.GroupID, _ = o.Get("properties." + groupID)
	reset, err := o.OneOf("properties."+offsetReset, "none", "earliest", "latest")
	if err != nil {
		return err
	}
	c.OffsetReset = map[string]Place{"earliest": Earliest, "latest": Latest}[reset]
	c.Start, err = readRange(o, c, mode, optionStartMode, optionStartOffsets, optionStartMillis)
	return err
}

func readStop(o *table.Options, c *SourceConfig) (err error) {
	mode, err := o.OneOf(optionStopMode, string(Unbounded), string(Latest), string(Group), string(Timestamp), string(Specific))
	if err != nil {
		return err
	}
	c.Stop, err = readRange(o, c, mode, optionStopMode, optionStopOffsets, optionStopMillis)
	return err
}

// readRange reads where reading begins or ends, and refuses options that mean nothing then.
func readRange(o *table.Options, c *SourceConfig, mode, option, offsets, millis string) (r Range, err error) {
	r.Place = Place(mode)
	for key, of := range map[string]Place{offsets: Specific, millis: Timestamp} {
		_, set := o.Get(key)
		switch {
		case set && r.Place != of:
			return r, o.Errorf(key, "set '"+option+"' = '"+string(of)+"', or remove it", "it has no effect with '%s' = '%s'", option, mode)
		case !set && r.Place == of:
			return r, o.Errorf(key, "set it, or another '"+option+"'", "'%s' = '%s' needs it", option, mode)
		}
	}
	switch r.Place {
	case Group:
		if c.GroupID == "" {
			return r, o.Errorf(option, "set 'properties.group.id', or '"+option+"' = '"+string(Earliest)+"' or another", "'%s' needs the group whose offsets are meant", mode)
		}
	case Timestamp:
		if r.Millis, err = o.Int(millis, 0); err == nil && r.Millis < 0 {
			err = o.Errorf(millis, "write milliseconds since 1970", "it cannot be negative")
		}
	case Specific:
		if len(c.Topics) != 1 {
			return r, o.Errorf(offsets, "read one topic, or set another '"+option+"'", "offsets are of the partitions of one topic")
		}
		r.Offsets, err = readOffsets(o, offsets)
	}
	return r, err
}

var offsetsPattern = regexp.MustCompile(`^partition:([0-9]{1,9}),offset:([0-9]{1,18})$`)

// readOffsets reads 'partition:0,offset:42;partition:1,offset:300'.
func readOffsets(o *table.Options, key string) (map[int32]int64, error) {
	text, _ := o.Get(key)
	out := map[int32]int64{}
	for part := range strings.SplitSeq(strings.TrimSuffix(text, ";"), ";") {
		m := offsetsPattern.FindStringSubmatch(strings.ReplaceAll(part, " ", ""))
		if m == nil {
			return nil, o.Errorf(key, "write 'partition:0,offset:42;partition:1,offset:300'", "'%s' is not the offset of a partition", part)
		}
		partition, _ := strconv.ParseInt(m[1], 10, 32) // digits that fit: the pattern says so
		if out[int32(partition)], _ = strconv.ParseInt(m[2], 10, 64); strings.Count(text, "partition:"+m[1]+",") > 1 {
			return nil, o.Errorf(key, "name it once", "partition %s is there twice", m[1])
		}
	}
	return out, nil
}

func readFetch(properties *table.Options, c *SourceConfig) (err error) {
	level, err := properties.OneOf(isolationLevel, "read_committed", "read_uncommitted")
	if err != nil {
		return err
	}
	c.Uncommitted = level == "read_uncommitted"
	if c.Fetch.MaxWait, err = millis(properties, "fetch.max.wait.ms", 500*time.Millisecond); err != nil {
		return err
	}
	for key, to := range map[string]*int32{"fetch.min.bytes": &c.Fetch.MinBytes, "fetch.max.bytes": &c.Fetch.MaxBytes, "max.partition.fetch.bytes": &c.Fetch.PerPart} {
		n, err := atMost(properties, key, math.MaxInt32)
		if err != nil {
			return err
		}
		*to = int32(n)
	}
	return nil
}

// atMost reads a positive number; 0: it is not set.
func atMost(o *table.Options, key string, most int64) (int64, error) {
	n, err := o.Int(key, 0)
	if _, set := o.Get(key); err == nil && set && (n < 1 || n > most) {
		err = o.Errorf(key, "write a number from 1 to "+strconv.FormatInt(most, 10), "%d is not one", n)
	}
	return n, err
}

// millis reads a number of milliseconds, which is how Kafka has times.
func millis(o *table.Options, key string, byDefault time.Duration) (time.Duration, error) {
	if _, set := o.Get(key); !set {
		return byDefault, nil
	}
	n, err := o.Int(key, 0)
	if err == nil && (n < 0 || n > math.MaxInt32) {
		err = o.Errorf(key, "write a number of milliseconds", "%d is not within 0 and %d", n, math.MaxInt32)
	}
	return time.Duration(n) * time.Millisecond, err
}

// readConnection reads how the brokers are reached, from the options behind 'properties.'.
func readConnection(o *table.Options) (c Connection, err error) {
	servers, err := o.Required(bootstrapServers, serverRemedy)
	if err != nil {
		return c, err
	}
	for s := range strings.SplitSeq(servers, ",") {
		if s = strings.TrimSpace(s); s != "" {
			c.Bootstrap = append(c.Bootstrap, s)
		}
	}
	for _, s := range c.Bootstrap {
		host, port, ok := strings.Cut(s[strings.LastIndexByte(s, ']')+1:], ":")
		if n, err := strconv.Atoi(port); !ok || err != nil || n < 1 || n > 65535 || host == "" && s[0] != '[' {
			return c, o.Errorf(bootstrapServers, serverRemedy, "'%s' is not a host and a port", s)
		}
	}
	c.ClientID = o.String("client.id", "")
	protocol, err := o.OneOf("security.protocol", "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
	if err != nil {
		return c, err
	}
	if c.TLS, err = readTLS(o, strings.HasSuffix(protocol, "SSL")); err != nil {
		return c, err
	}
	c.SASL, err = readSASL(o, strings.HasPrefix(protocol, "SASL"))
	return c, err
}

const (
	sslTruststore     = "ssl.truststore.location"
	sslTruststoreType = "ssl.truststore.type"
	sslCertificates   = "ssl.truststore.certificates"
	sslKeystore       = "ssl.keystore.location"
	sslKeystoreType   = "ssl.keystore.type"
	sslKeystoreKey    = "ssl.keystore.key"
	sslKeystoreChain  = "ssl.keystore.certificate.chain"
	sslIdentification = "ssl.endpoint.identification.algorithm"

	saslMechanism = "sasl.mechanism"
	saslJaas      = "sasl.jaas.config"
	saslUsername  = "sasl.username"
	saslPassword  = "sasl.password"
	saslFolder    = "sasl.credentials.folder"
)

// only refuses options that mean nothing with the protocol.
func only(o *table.Options, used bool, protocols string, keys ...string) error {
	for _, key := range keys {
		if _, set := o.Get(key); set && !used {
			return o.Errorf(key, "set 'properties.security.protocol' to one of "+protocols+", or remove it", "it has no effect without")
		}
	}
	return nil
}

func readTLS(o *table.Options, used bool) (*TLS, error) {
	if err := only(o, used, "SSL, SASL_SSL", sslTruststore, sslTruststoreType, sslCertificates, sslKeystore, sslKeystoreType, sslKeystoreKey, sslKeystoreChain, sslIdentification); err != nil || !used {
		return nil, err
	}
	for _, key := range []string{sslTruststoreType, sslKeystoreType} {
		if v := o.String(key, "PEM"); v != "PEM" {
			return nil, o.Errorf(key, "convert it to PEM: keytool -importkeystore -deststoretype PKCS12, then openssl pkcs12 -nodes", "stores of the type '%s' are not read", v)
		}
	}
	t := &TLS{Truststore: o.String(sslCertificates, o.String(sslTruststore, ""))}
	t.Certificate, t.Key = o.String(sslKeystoreChain, ""), o.String(sslKeystoreKey, "")
	if location, set := o.Get(sslKeystore); set {
		if t.Certificate != "" || t.Key != "" {
			return nil, o.Errorf(sslKeystore, "set it, or the two others", "'properties.%s' says already what the certificate is", sslKeystoreChain)
		}
		t.Certificate = location
	}
	if (t.Key != "") && t.Certificate == "" {
		return nil, o.Errorf(sslKeystoreKey, "set 'properties."+sslKeystoreChain+"' as well", "a key needs its certificate")
	}
	switch algorithm := o.String(sslIdentification, "https"); algorithm {
	case "https":
	case "":
		t.AnyName = true
	default:
		return nil, o.Errorf(sslIdentification, "write 'https', or nothing between the quotes to accept any name", "'%s' is not known", algorithm)
	}
	return t, nil
}

var jaasLogin = regexp.MustCompile(`(?s)^\s*[\w.]+\s+(?:required|requisite|sufficient|optional)\s+(.*);\s*$`)

var jaasField = regexp.MustCompile(`(\w+)\s*=\s*"((?:[^"\\]|\\.)*)"`)

func readSASL(o *table.Options, used bool) (*SASL, error) {
	if err := only(o, used, "SASL_PLAINTEXT, SASL_SSL", saslMechanism, saslJaas, saslUsername, saslPassword, saslFolder); err != nil || !used {
		return nil, err
	}
	if _, err := o.Required(saslMechanism, "write PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"); err != nil {
		return nil, err
	}
	mechanism, err := o.OneOf(saslMechanism, "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
	if err != nil {
		return nil, err
	}
	s := &SASL{Mechanism: mechanism, Folder: o.String(saslFolder, ""), Username: o.String(saslUsername, ""), Password: o.String(saslPassword, "")}
	jaas, set := o.Get(saslJaas)
	given := 0
	for _, is := range []bool{set, s.Folder != "", s.Username != "" || s.Password != ""} {
		if is {
			given++
		}
	}
	if given != 1 {
		return nil, o.Errorf(saslMechanism, "set 'properties."+saslFolder+"' to a folder with the files username and password, or 'properties."+saslUsername+"' and 'properties."+saslPassword+
			"' = '${secret:name/key}', or 'properties."+saslJaas+"'", "it needs the credentials, in one of three ways")
	}
	if set {
		login := jaasLogin.FindStringSubmatch(jaas)
		if login == nil {
			return nil, o.Errorf(saslJaas, `write 'org.apache.kafka.common.security.plain.PlainLoginModule required username="..." password="...";'`, "it is not the login of a client")
		}
		for _, field := range jaasField.FindAllStringSubmatch(login[1], -1) {
			value := regexp.MustCompile(`\\(.)`).ReplaceAllString(field[2], "$1")
			switch field[1] {
			case "username":
				s.Username = value
			case "password":
				s.Password = value
			}
		}
	}
	if s.Folder == "" && (s.Username == "" || s.Password == "") {
		return nil, o.Errorf(saslMechanism, "set both", "it needs a username and a password")
	}
	return s, nil
}

// readRecord reads what of a record is which column.
func readRecord(t table.Spec, formats Formats, sink bool) (r RecordFormat, err error) {
	o := t.Options
	metadata := map[int]bool{}
	for _, m := range t.Metadata {
		metadata[m.Column] = true
		field, err := readMetadata(t, m, sink)
		if err != nil {
			return r, err
		}
		if !sink || !m.Virtual {
			r.Metadata = append(r.Metadata, field)
		}
	}
	option := optionFormat
	if _, both := o.Get(optionValueFormat); both {
		if _, set := o.Get(optionFormat); set {
			return r, o.Errorf(optionValueFormat, "set only one of the two", "'%s' is the same", optionFormat)
		}
		option = optionValueFormat
	}
	if sink {
		r.Write, err = formats.Write(o, option)
		r.Value, _ = r.Write.(codec.Format)
	} else {
		r.Value, err = formats.Read(o, option)
	}
	if err != nil {
		return r, err
	}
	keys, err := readKey(t, formats, metadata, &r)
	if err != nil {
		return r, err
	}
	include, err := o.OneOf(optionValueInclude, "ALL", "EXCEPT_KEY")
	if err != nil {
		return r, err
	}
	prefix := o.String(optionKeyPrefix, "")
	switch {
	case include == "EXCEPT_KEY" && r.Key == nil:
		return r, o.Errorf(optionValueInclude, "set '"+optionKeyFormat+"' and '"+optionKeyFields+"'", "it has no effect without a key")
	case prefix != "" && include != "EXCEPT_KEY":
		return r, o.Errorf(optionKeyPrefix, "set '"+optionValueInclude+"' = 'EXCEPT_KEY'", "with it, columns of the key cannot be in the value as well")
	}
	for i, f := range t.Schema {
		isKey := slices.ContainsFunc(keys, func(k Field) bool { return k.Column == i })
		switch {
		case metadata[i], isKey && include == "EXCEPT_KEY":
			continue
		}
		r.Values = append(r.Values, Field{i, f.Name})
	}
	if sink || include == "EXCEPT_KEY" {
		r.Keys = keys
	} // else all of them are in the value, where Flink reads them too
	for _, f := range []codec.Format{r.Value, r.Key} {
		if f == nil {
			continue
		}
		if d, ok := f.Decoder(t.Schema).(codec.HeaderDecoder); ok && d != nil {
			return r, o.Errorf(option, "remove the option that says so", "a record of a topic has no header, and the format reads one")
		}
	}
	return r, nil
}

// readKey reads which columns are in the key.
func readKey(t table.Spec, formats Formats, metadata map[int]bool, r *RecordFormat) (keys []Field, err error) {
	o := t.Options
	names, named := o.Get(optionKeyFields)
	prefix := o.String(optionKeyPrefix, "")
	if _, set := o.Get(optionKeyFormat); !set {
		for key, is := range map[string]bool{optionKeyFields: named, optionKeyPrefix: prefix != ""} {
			if is {
				return nil, o.Errorf(key, "set '"+optionKeyFormat+"'", "it has no effect without the format of the key")
			}
		}
		return nil, nil
	}
	if r.Key, err = formats.Read(o, optionKeyFormat); err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(names, ";") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		i := slices.IndexFunc(t.Schema, func(f types.Field) bool { return f.Name == name })
		switch {
		case i < 0 || metadata[i]:
			remedy := "name columns that are neither computed nor METADATA"
			if near := table.Nearest(name, t.Schema.Names()); near != "" {
				remedy = "did you mean '" + near + "'?"
			}
			return nil, o.Errorf(optionKeyFields, remedy, "there is no column '%s'", name)
		case !strings.HasPrefix(name, prefix):
			return nil, o.Errorf(optionKeyFields, "give it the prefix, or change '"+optionKeyPrefix+"'", "the column '%s' does not begin with '%s'", name, prefix)
		case slices.ContainsFunc(keys, func(k Field) bool { return k.Column == i }):
			return nil, o.Errorf(optionKeyFields, "name it once", "the column '%s' is there twice", name)
		}
		keys = append(keys, Field{i, strings.TrimPrefix(name, prefix)})
	}
	if len(keys) == 0 {
		return nil, o.Errorf(optionKeyFields, "name the columns of the key, with ';' between several", "'%s' needs it", optionKeyFormat)
	}
	return keys, nil
}

// readMetadata reads a column of metadata.
func readMetadata(t table.Spec, m table.Metadata, sink bool) (MetadataField, error) {
	key := MetadataKey(m.Key)
	refused := func(remedy, format string, args ...any) (MetadataField, error) {
		return MetadataField{}, &fault.Error{Class: fault.Permanent, Place: m.Place, Remedy: remedy, Err: metadataError(t.Schema[m.Column].Name, format, args...)}
	}
	typ, known := MetadataTypes[key]
	switch {
	case m.Key == "headers":
		return refused("remove the column: it has the type MAP<STRING, BYTES>, which no column can have yet", "headers are not read yet")
	case !known:
		var keys []string
		for k := range maps.Keys(MetadataTypes) {
			keys = append(keys, string(k))
		}
		slices.Sort(keys)
		return refused("the metadata of 'kafka' are '"+strings.Join(keys, "', '")+"'; METADATA FROM '...' names one", "there is no metadata '%s'", m.Key)
	case !t.Schema[m.Column].Type.NotNull().Equal(typ.NotNull()):
		return refused("declare it "+typ.String(), "the metadata '%s' is %v, not %v", m.Key, typ, t.Schema[m.Column].Type)
	case sink && !m.Virtual && key != MetadataTimestamp:
		return refused("declare it METADATA VIRTUAL", "the metadata '%s' can only be read", m.Key)
	}
	return MetadataField{m.Column, key}, nil
}

// TableSink makes the sink of a table.
func TableSink(t table.Spec, formats Formats, log *slog.Logger) (connector.Sink, error) {
	o := t.Options
	o.Allow(sourceOptions...)
	properties := o.Under("properties.")
	properties.Allow(sourceProperties...)
	c := SinkConfig{Schema: t.Schema, Log: log}
	var err error
	if c.Connection, err = readConnection(properties); err != nil {
		return nil, err
	}
	if c.Topic, err = o.Required(OptionTopic, sinkRemedy); err != nil {
		return nil, err
	}
	if strings.Contains(c.Topic, ";") {
		return nil, o.Errorf(OptionTopic, "write to each with an INSERT of its own, in a STATEMENT SET", "rows are written to one topic")
	}
	if _, set := o.Get(OptionPattern); set {
		return nil, o.Errorf(OptionPattern, sinkRemedy, "rows are written to one topic")
	}
	if c.Record, err = readRecord(t, formats, true); err != nil {
		return nil, err
	}
	if err := readDelivery(o, &c); err != nil {
		return nil, err
	}
	if err := readProducer(properties, &c); err != nil {
		return nil, err
	}
	return NewSink(c), nil
}

func readDelivery(o *table.Options, c *SinkConfig) error {
	guarantee, err := o.OneOf(optionGuarantee, string(AtLeastOnce), string(ExactlyOnce), string(None))
	if err != nil {
		return err
	}
	c.Guarantee = Guarantee(guarantee)
	c.IDPrefix = o.String(optionIDPrefix, "")
	lost, err := o.OneOf(optionLost, "fail", "pass-over")
	if err != nil {
		return err
	}
	c.PassOverLost = lost == "pass-over"
	for _, key := range []string{optionIDPrefix, optionLost} {
		if _, set := o.Get(key); set && c.Guarantee != ExactlyOnce {
			return o.Errorf(key, "set '"+optionGuarantee+"' = '"+string(ExactlyOnce)+"', or remove it", "it has no effect with '%s'", c.Guarantee)
		}
	}
	partitioner, err := o.OneOf(optionPartitioner, string(ByKey), string(Fixed), string(RoundRobin))
	c.Partitioner = Partitioner(partitioner)
	return err
}

func readProducer(o *table.Options, c *SinkConfig) (err error) {
	p := &c.Producer
	acks, err := o.OneOf("acks", "all", "-1", "1", "0")
	if err != nil {
		return err
	}
	p.LeaderOnly, p.NoAcks = acks == "1", acks == "0"
	if (p.LeaderOnly || p.NoAcks) && c.Guarantee != None {
		return o.Errorf("acks", "set '"+optionGuarantee+"' = 'none', or write 'all'", "'%s' loses rows when a broker is lost, which '%s' forbids", acks, c.Guarantee)
	}
	if p.Compression, err = o.OneOf("compression.type", "none", "gzip", "snappy", "lz4", "zstd"); err != nil {
		return err
	}
	for key, to := range map[string]*time.Duration{"transaction.timeout.ms": &p.TransactionTimeout, "delivery.timeout.ms": &p.DeliveryTimeout} {
		if *to, err = millis(o, key, 0); err != nil {
			return err
		}
		if _, set := o.Get(key); set && *to < time.Second {
			return o.Errorf(key, "write a number of milliseconds, such as '900000'", "it must be at least a second")
		}
	}
	if p.Linger, err = millis(o, "linger.ms", 5*time.Millisecond); err != nil {
		return err
	}
	n, err := atMost(o, "max.request.size", 64<<20)
	p.MaxRequest = int32(n)
	return err
}
