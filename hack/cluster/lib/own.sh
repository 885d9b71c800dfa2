# A cluster of one node, which is this machine: etcd, control plane, kubelet, kube-proxy and containerd as processes of
# root. Every address is of this machine, and every file in $NODE or $LOG.

NAME=weir-node
NODE_IP=192.168.77.1  # on lo: a kubelet refuses a loopback address
PODS=10.244.0.0/16
SERVICES=10.96.0.0/16
DNS=10.96.0.10        # nobody answers there: a name is refused at once
PAUSE=localhost/pause:1
SOCKET=$NODE/run/containerd.sock
PKI=$NODE/pki

own_kubeconfig() { echo "$DIR/admin.kubeconfig"; }
own_kubectl() { "$BIN/kubectl" --kubeconfig "$(own_kubeconfig)" "$@"; }
own_ctr() { timeout 300 ctr -a "$SOCKET" -n k8s.io "$@"; }

own_up() {
	((EUID == 0)) || die "a cluster on this machine itself needs root: use sudo, a Docker engine, or an existing cluster (KUBECONFIG)"
	mkdir -p "$NODE"/run "$LOG"
	packages
	build_kube
	[[ -f $NODE/pause.tar ]] || build_pause
	[[ -f $PKI/done ]] || certificates
	say "starting containerd, etcd, the control plane and the node"
	network
	runtime
	control_plane
	node
	say "Kubernetes $K8S is up on this machine; logs are in $LOG"
}

own_load() {
	local image
	alive containerd || die "the cluster is not up: run $0 up"
	for image in "$@"; do own_ctr images import "$image" >/dev/null; done
}

packages() {
	local missing=() tool
	for tool in containerd:containerd runc:runc ip:iproute2 nft:nftables iptables:iptables conntrack:conntrack openssl:openssl; do
		command -v "${tool%%:*}" >/dev/null || missing+=("${tool##*:}")
	done
	[[ -x /usr/lib/cni/ptp ]] || missing+=(containernetworking-plugins)
	((${#missing[@]})) || return 0
	say "installing ${missing[*]}"
	local quiet=(-q -y --no-install-recommends -o DPkg::Lock::Timeout=300)
	if ! { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install "${quiet[@]}" "${missing[@]}"; } >"$LOG/apt.log" 2>&1; then
		tail -n 5 "$LOG/apt.log" >&2
		die "cannot install ${missing[*]}; see $LOG/apt.log"
	fi
}

# certificates makes an authority for this one life of the cluster, and a client for each component.
certificates() {
	mkdir -p "$PKI"
	local user
	key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$PKI/$1.key" 2>/dev/null; }
	leaf() { # name, subject, alternative names
		key "$1"
		openssl req -new -key "$PKI/$1.key" -subj "$2" |
			openssl x509 -req -CA "$PKI/ca.crt" -CAkey "$PKI/ca.key" -CAcreateserial -days 365 -out "$PKI/$1.crt" \
				-extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "${3:-DNS:localhost}") 2>/dev/null
	}
	key ca
	openssl req -x509 -new -key "$PKI/ca.key" -days 365 -subj /CN=weir-cluster -out "$PKI/ca.crt"
	key accounts
	openssl pkey -in "$PKI/accounts.key" -pubout -out "$PKI/accounts.pub"
	leaf apiserver /CN=kube-apiserver \
		"DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:$NODE_IP,IP:10.96.0.1"
	leaf admin /O=system:masters/CN=admin
	leaf controllers /CN=system:kube-controller-manager
	leaf scheduler /CN=system:kube-scheduler
	leaf proxy /CN=system:kube-proxy
	leaf kubelet "/O=system:nodes/CN=system:node:$NAME" "DNS:$NAME,IP:$NODE_IP"
	for user in controllers scheduler proxy kubelet; do kubeconfig "$user" >"$PKI/$user.kubeconfig"; done
	kubeconfig admin >"$(own_kubeconfig)"
	touch "$PKI/done"
}

kubeconfig() { # user
	local ca cert key
	ca=$(base64 -w0 "$PKI/ca.crt") cert=$(base64 -w0 "$PKI/$1.crt") key=$(base64 -w0 "$PKI/$1.key")
	cat <<-K
		apiVersion: v1
		kind: Config
		clusters: [{name: weir, cluster: {server: "https://$NODE_IP:6443", certificate-authority-data: "$ca"}}]
		users: [{name: $1, user: {client-certificate-data: "$cert", client-key-data: "$key"}}]
		contexts: [{name: weir, context: {cluster: weir, user: $1}}]
		current-context: weir
	K
}

# network gives the node an address, and pods a way to each other, to Services and to the node, and to nothing else.
network() {
	[[ -f $NODE/run/ip_forward ]] || sysctl -n net.ipv4.ip_forward >"$NODE/run/ip_forward"
	sysctl -qw net.ipv4.ip_forward=1
	ip addr replace "$NODE_IP/32" dev lo
	# Traffic to a Service without endpoints ends here.
	ip route replace local "$SERVICES" dev lo
	mkdir -p "$NODE/cni"
	cat >"$NODE/cni/10-weir.conflist" <<-K
		{"cniVersion": "0.4.0", "name": "weir", "plugins": [{"type": "ptp", "ipMasq": false, "ipam": {
		  "type": "host-local", "dataDir": "$NODE/run/ipam", "ranges": [[{"subnet": "10.244.0.0/24"}]],
		  "routes": [{"dst": "$PODS"}, {"dst": "$SERVICES"}, {"dst": "$NODE_IP/32"}]}}]}
	K
}

runtime() {
	cat >"$NODE/containerd.toml" <<-K
		version = 2
		root = "$NODE/containerd"
		state = "$NODE/run/containerd"
		[grpc]
		  address = "$SOCKET"
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "$PAUSE"
		  # Without CAP_SYS_RESOURCE no sandbox can lower its score of whom to kill when memory runs out.
		  restrict_oom_score_adj = true
		  disable_apparmor = true
		  disable_hugetlb_controller = true
		  netns_mounts_under_state_dir = true
		  [plugins."io.containerd.grpc.v1.cri".cni]
		    bin_dir = "/usr/lib/cni"
		    conf_dir = "$NODE/cni"
	K
	start containerd containerd -c "$NODE/containerd.toml"
	await containerd 60 "containerd answers" ctr -a "$SOCKET" version
	own_ctr images import "$NODE/pause.tar" >/dev/null
}

control_plane() {
	start etcd "$BIN/etcd" --data-dir "$NODE/etcd" --unsafe-no-fsync --listen-peer-urls http://127.0.0.1:2380 \
		--listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379
	start kube-apiserver "$BIN/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --secure-port=6443 \
		--bind-address="$NODE_IP" --service-cluster-ip-range="$SERVICES" --allow-privileged --authorization-mode=Node,RBAC \
		--tls-cert-file="$PKI/apiserver.crt" --tls-private-key-file="$PKI/apiserver.key" --client-ca-file="$PKI/ca.crt" \
		--service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$PKI/accounts.pub" \
		--service-account-signing-key-file="$PKI/accounts.key" --enable-admission-plugins=NodeRestriction \
		--kubelet-client-certificate="$PKI/admin.crt" --kubelet-client-key="$PKI/admin.key" \
		--kubelet-certificate-authority="$PKI/ca.crt" --kubelet-preferred-address-types=InternalIP
	await kube-apiserver 120 "the API server is ready" own_kubectl get --raw /readyz
	start kube-controller-manager "$BIN/kube-controller-manager" --kubeconfig="$PKI/controllers.kubeconfig" \
		--bind-address=127.0.0.1 --service-account-private-key-file="$PKI/accounts.key" --root-ca-file="$PKI/ca.crt" \
		--use-service-account-credentials --leader-elect=false --cluster-cidr="$PODS" --allocate-node-cidrs
	start kube-scheduler "$BIN/kube-scheduler" --kubeconfig="$PKI/scheduler.kubeconfig" --bind-address=127.0.0.1 --leader-elect=false
}

node() {
	cat >"$NODE/kubelet.yaml" <<-K
		apiVersion: kubelet.config.k8s.io/v1beta1
		kind: KubeletConfiguration
		address: $NODE_IP
		authentication: {anonymous: {enabled: false}, x509: {clientCAFile: $PKI/ca.crt}, webhook: {enabled: true}}
		authorization: {mode: Webhook}
		tlsCertFile: $PKI/kubelet.crt
		tlsPrivateKeyFile: $PKI/kubelet.key
		containerRuntimeEndpoint: unix://$SOCKET
		clusterDNS: [$DNS]
		clusterDomain: cluster.local
		cgroupDriver: cgroupfs
		failCgroupV1: false
		failSwapOn: false
		imageGCHighThresholdPercent: 100
		evictionHard: {nodefs.available: "1%", imagefs.available: "1%", memory.available: "100Mi"}
	K
	start kubelet "$BIN/kubelet" --config="$NODE/kubelet.yaml" --kubeconfig="$PKI/kubelet.kubeconfig" \
		--hostname-override="$NAME" --node-ip="$NODE_IP" --root-dir="$NODE/kubelet"
	start kube-proxy "$BIN/kube-proxy" --kubeconfig="$PKI/proxy.kubeconfig" --proxy-mode=nftables --cluster-cidr="$PODS" \
		--hostname-override="$NAME" --healthz-bind-address=127.0.0.1:10256 --metrics-bind-address=127.0.0.1:10249
	await kubelet 120 "the node is Ready" own_kubectl wait --for=condition=Ready "node/$NAME" --timeout=1s
	await kube-proxy 60 "the API server's Service answers" own_service
	await kube-controller-manager 60 "a namespace has its service account" own_kubectl get -n default serviceaccount/default
}

# own_service asks the API server by the address of its Service, as pods do. Any answer will do.
own_service() { (exec 3<>/dev/tcp/10.96.0.1/443); }

own_down() {
	((EUID == 0)) || die "only root can stop the cluster of this machine"
	local component
	for component in kube-proxy kubelet kube-scheduler kube-controller-manager kube-apiserver etcd; do finish "$component"; done
	containers
	finish containerd
	unmount
	nft delete table ip kube-proxy 2>/dev/null || true
	nft delete table ip6 kube-proxy 2>/dev/null || true
	ip route del local "$SERVICES" dev lo 2>/dev/null || true
	ip addr del "$NODE_IP/32" dev lo 2>/dev/null || true
	if [[ -f $NODE/run/ip_forward ]]; then sysctl -qw net.ipv4.ip_forward="$(cat "$NODE/run/ip_forward")"; fi
	rm -rf "$NODE" "$(own_kubeconfig)"
}

# containers ends every container by its shim: also one whose processes a test has stopped.
containers() {
	local shim child
	for shim in /proc/[0-9]*; do
		# A process may end while it is looked at.
		{ tr '\0' ' ' <"$shim/cmdline"; } 2>/dev/null | grep -qF -- "containerd-shim-runc-v2 -namespace k8s.io" || continue
		grep -qszxF -- "$SOCKET" "$shim/cmdline" || continue
		for child in $(cat "$shim"/task/*/children 2>/dev/null); do kill -KILL "$child" 2>/dev/null || true; done
		kill -KILL "${shim#/proc/}" 2>/dev/null || true
	done
}

# unmount frees the root file systems, volumes and network name spaces of pods.
unmount() {
	local mount
	awk -v dir="$NODE/" 'index($2, dir) == 1 {print $2}' /proc/mounts | sort -r | while read -r mount; do umount -l "$mount" || true; done
}
