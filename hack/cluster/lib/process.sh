# Processes in the background, by their pids, and waits with deadlines.

pid_of() { cat "$NODE/run/$1.pid" 2>/dev/null; }

# alive says whether the process that was started under a name still runs: its pid may be another's by now, whose command
# line does not name our folder.
alive() { # name
	local pid
	pid=$(pid_of "$1") && [[ -r /proc/$pid/cmdline ]] && grep -qF -- "$DIR" "/proc/$pid/cmdline"
}

start() { # name, command...
	local name=$1
	shift
	alive "$name" && return
	nohup setsid "$@" >"$LOG/$name.log" 2>&1 </dev/null 9>&- &
	echo $! >"$NODE/run/$name.pid"
}

# await waits for a fact that a process brings about, and shows the end of its log if it does not.
await() { # name of the process, seconds, what, command...
	local name=$1 limit=$2 what=$3
	shift 3
	local deadline=$((SECONDS + limit))
	until "$@" >/dev/null 2>&1; do
		if ! alive "$name"; then
			tail -n 5 "$LOG/$name.log" >&2
			die "$name has ended before $what; all it said is in $LOG/$name.log"
		elif ((SECONDS >= deadline)); then
			tail -n 5 "$LOG/$name.log" >&2
			die "not after $limit s: $what; see $LOG/$name.log"
		fi
		sleep 0.2
	done
}

# finish stops a process and waits until it is gone, because the next 'up' needs its port.
finish() { # name
	alive "$1" || return 0
	local pid deadline=$((SECONDS + 10))
	pid=$(pid_of "$1")
	kill -TERM "$pid" 2>/dev/null || true
	while alive "$1" && ((SECONDS < deadline)); do sleep 0.1; done
	if alive "$1"; then kill -KILL "$pid"; fi
	rm -f "$NODE/run/$1.pid"
}
