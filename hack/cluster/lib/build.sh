# Programs, built from pinned sources and kept in $BIN.

K8S=1.36.3

# pin is a name for what a program was built from: another source, toolchain or version, another name.
pin() { # files...
	{ cat "$@"; go version; echo "$K8S"; } | cksum | cut -d' ' -f1
}

# compiled counts the packages that go build -v names, so that whoever waits sees that it goes on, and passes on all else.
compiled() {
	local line n=0
	while IFS= read -r line; do
		if [[ $line =~ ^[A-Za-z0-9._/~-]+$ ]]; then
			((++n % 200)) || say "$n of some 2000 packages are compiled"
		else
			printf '%s\n' "$line" >&2
		fi
	done
}

# build_kube builds all of Kubernetes into one binary that runs as whatever it is called.
build_kube() {
	local want version=k8s.io/component-base/version component
	want=$(pin "$HERE"/kube/{go.mod,go.sum,main.go})
	mkdir -p "$BIN"
	if [[ ! -x $BIN/kube || $(cat "$BIN/.kube" 2>/dev/null) != "$want" ]]; then
		say "building Kubernetes $K8S from its Go modules; the first time takes ten minutes on two cores"
		CGO_ENABLED=0 GOFLAGS=-buildvcs=false go build -C "$HERE/kube" -v -trimpath -o "$BIN/kube.part" -ldflags "-s -w \
			-X $version.gitVersion=v$K8S -X $version.gitMajor=${K8S%%.*} -X $version.gitMinor=$(cut -d. -f2 <<<"$K8S")" . 2> >(compiled)
		mv "$BIN/kube.part" "$BIN/kube" # under its name only when it is whole
		echo "$want" >"$BIN/.kube"
	fi
	for component in etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl; do
		[[ -L $BIN/$component ]] || ln -s kube "$BIN/$component"
	done
}

# build_pause makes the image that holds each pod's name spaces.
build_pause() {
	CGO_ENABLED=0 go build -C "$ROOT" -buildvcs=false -trimpath -ldflags '-s -w' -o "$NODE/pause" ./hack/cluster/pause
	go run -C "$ROOT" ./hack/image -name "$PAUSE" -out "$NODE/pause.tar" "$NODE/pause=/pause" >/dev/null
}
