# A cluster by kind (https://kind.sigs.k8s.io), in a container of the Docker engine.

KIND=v0.33.0
# The image of the same minor version that this release of kind was made for.
KIND_IMAGE=${KIND_IMAGE:-kindest/node:v1.36.4@sha256:099e049362a1526b2db71494e1947aae99bd16290d7c895f2b7ea312e3cbfaed}

kind_kubeconfig() { echo "$DIR/kind.kubeconfig"; }

kind_up() {
	mkdir -p "$BIN"
	[[ -x $BIN/kind ]] || GOBIN=$BIN go install "sigs.k8s.io/kind@$KIND"
	if "$BIN/kind" get clusters -q | grep -qx weir; then
		"$BIN/kind" export kubeconfig --name weir --kubeconfig "$(kind_kubeconfig)" >&2
	else
		"$BIN/kind" create cluster --name weir --image "$KIND_IMAGE" --kubeconfig "$(kind_kubeconfig)" --wait 5m >&2
	fi
	command -v kubectl >/dev/null || build_kube
}

kind_load() {
	local image
	for image in "$@"; do "$BIN/kind" load image-archive --name weir "$image" >&2; done
}

kind_down() {
	[[ -x $BIN/kind ]] || return 0
	"$BIN/kind" delete cluster --name weir --kubeconfig "$(kind_kubeconfig)" >&2
}
