package message

// Metrics are the counters of one operator in one subtask since the start of the execution.
type Metrics struct {
	UID     string
	Subtask int
	// Rows and the bytes that they hold in memory.
	RecordsIn, RecordsOut, BytesIn, BytesOut int64
	// Late counts rows that were dropped because they came too late.
	Late int64
	// Skipped counts records that were dropped because they could not be read, or had no event time, where the table says so.
	Skipped int64
	// Watermark is the event time in ms that the operator has got to; math.MinInt64: none.
	Watermark int64
}
