package proxies_test

import (
	"testing"

	"github.com/hookonce/hookonce/integration/services"
)

// intermediary is a proxy in one configuration.
type intermediary struct {
	name, setting string
	start         func(t *testing.T, upstream string) string // its address
	// cure is the setting with which everything arrives as it was signed, with the name of that intermediary in this list; or wholeURL.
	cure string
	// because says what cures, for the page.
	because string
}

// wholeURL is a cure at the receiver: the scheme is given the whole public address as it is registered at the sender.
const wholeURL = "the whole URL"

func nginx(location string) func(*testing.T, string) string {
	return debian(services.Proxy{
		Program: "nginx", Package: "nginx-light", Args: []string{"-p", "{dir}", "-c", "{dir}/config", "-e", "stderr"},
		Config: `daemon off; master_process off; pid {dir}/pid; worker_rlimit_nofile 1024;
events { worker_connections 256; }
http { access_log off; client_body_temp_path {dir}/1; proxy_temp_path {dir}/2; fastcgi_temp_path {dir}/3; uwsgi_temp_path {dir}/4; scgi_temp_path {dir}/5;
server { listen 127.0.0.1:{port}; ` + location + ` } }`,
	})
}

func apache(directives string) func(*testing.T, string) string {
	return debian(services.Proxy{
		Program: "apache2", Package: "apache2", Args: []string{"-d", "{dir}", "-f", "{dir}/config", "-D", "FOREGROUND"},
		Config: `ServerName localhost
Listen 127.0.0.1:{port}
PidFile {dir}/pid
ErrorLog /dev/stderr
Mutex file:{dir}
User nobody
Group nogroup
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule deflate_module /usr/lib/apache2/modules/mod_deflate.so
LoadModule filter_module /usr/lib/apache2/modules/mod_filter.so
` + directives,
	})
}

func haproxy(rules string) func(*testing.T, string) string {
	return debian(services.Proxy{
		Program: "haproxy", Package: "haproxy", Args: []string{"-db", "-f", "{dir}/config"},
		Config: "global\n  expose-experimental-directives\ndefaults\n  mode http\n  timeout connect 2s\n  timeout client 20s\n  timeout server 20s\n" +
			"frontend in\n  bind 127.0.0.1:{port}\n" + rules + "  default_backend out\nbackend out\n  server one {upstream}\n",
	})
}

func varnish(rules string) func(*testing.T, string) string {
	return debian(services.Proxy{
		Program: "varnishd", Package: "varnish", Args: []string{"-F", "-a", "127.0.0.1:{port}", "-f", "{dir}/config", "-n", "{dir}/work", "-s", "malloc,32m", "-j", "none"},
		Config: "vcl 4.1;\nbackend default { .host = \"{host}\"; .port = \"{upport}\"; }\n" + rules,
	})
}

func lighttpd(settings string) func(*testing.T, string) string {
	return debian(services.Proxy{
		Program: "lighttpd", Package: "lighttpd", Args: []string{"-D", "-f", "{dir}/config"},
		Config: `server.document-root = "{dir}"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "/dev/stderr"
server.upload-dirs = ( "{dir}" )
server.modules = ( "mod_proxy" )
proxy.server = ( "" => ( ( "host" => "{host}", "port" => {upport} ) ) )
` + settings,
	})
}

func caddy(site string) func(*testing.T, string) string {
	return debian(services.Proxy{
		Program: "caddy", Package: "caddy", Args: []string{"run", "--config", "{dir}/config", "--adapter", "caddyfile"},
		Config: "{\n admin off\n auto_https off\n storage file_system {dir}/caddy\n}\nhttp://:{port} {\n bind 127.0.0.1\n" + site + "\n}\n",
	})
}

func squid(t *testing.T, upstream string) string {
	t.Helper()
	return debian(services.Proxy{
		Program: "squid", Package: "squid", Own: true, Args: []string{"-N", "-f", "{dir}/config"},
		Config: `http_port 127.0.0.1:{port} accel defaultsite=hooks.example no-vhost
cache_peer {host} parent {upport} 0 no-query originserver no-digest name=one
http_access allow all
cache deny all
pid_filename {dir}/pid
access_log none
cache_log stdio:/dev/stderr
cache_store_log none
coredump_dir {dir}
shutdown_lifetime 0 seconds
`,
	})(t, upstream)
}

func tinyproxy(t *testing.T, upstream string) string {
	t.Helper()
	return debian(services.Proxy{
		Program: "tinyproxy", Package: "tinyproxy", Args: []string{"-d", "-c", "{dir}/config"},
		Config: "Port {port}\nListen 127.0.0.1\nTimeout 20\nLogLevel Critical\nMaxClients 50\nReverseOnly Yes\nReversePath \"/\" \"http://{upstream}/\"\n",
	})(t, upstream)
}

func debian(p services.Proxy) func(*testing.T, string) string {
	return func(t *testing.T, upstream string) string {
		t.Helper()
		return services.StartProxy(t, p, upstream).Addr
	}
}

func node(script string) func(*testing.T, string) string {
	return func(t *testing.T, upstream string) string {
		t.Helper()
		return services.StartNode(t, modules(t), script, upstream).Addr
	}
}

func direct(_ *testing.T, upstream string) string { return upstream }

func intermediaries() []intermediary {
	return []intermediary{
		{name: "none", setting: "no proxy", start: direct},
		{name: "nginx", setting: "`proxy_pass http://app;`", start: nginx("location / { proxy_pass http://{upstream}; }")},
		{
			name: "nginx", setting: "`proxy_pass http://app/;`", start: nginx("location / { proxy_pass http://{upstream}/; }"),
			cure: wholeURL, because: "give the scheme the whole URL, or take the path out of `proxy_pass`",
		},
		{
			name: "nginx", setting: "`location /hook/`", start: nginx("location /hook/ { proxy_pass http://{upstream}; }"),
			cure: "`location /hook`", because: "`location /hook`",
		},
		{name: "nginx", setting: "`location /hook`", start: nginx("location /hook { client_max_body_size 0; proxy_pass http://{upstream}; }")},
		{name: "nginx", setting: "`client_max_body_size 0`", start: nginx("location / { client_max_body_size 0; proxy_pass http://{upstream}; }")},
		{
			name: "Apache", setting: "`ProxyPass`", start: apache("ProxyPass / http://{upstream}/\n"),
			cure: "`nocanon`, `AllowEncodedSlashes NoDecode`, `MergeSlashes Off`", because: "`nocanon`, `AllowEncodedSlashes NoDecode`, `MergeSlashes Off`",
		},
		{
			name: "Apache", setting: "`nocanon`, `AllowEncodedSlashes NoDecode`, `MergeSlashes Off`",
			start: apache("AllowEncodedSlashes NoDecode\nMergeSlashes Off\nProxyPass / http://{upstream}/ nocanon\n"),
		},
		{
			name: "Apache", setting: "`SetInputFilter DEFLATE`",
			start: apache("AllowEncodedSlashes NoDecode\nMergeSlashes Off\nSetInputFilter DEFLATE\nProxyPass / http://{upstream}/ nocanon\n"),
			cure:  "`nocanon`, `AllowEncodedSlashes NoDecode`, `MergeSlashes Off`", because: "no `DEFLATE` input filter in front of the endpoint",
		},
		{name: "HAProxy", setting: "`mode http`", start: haproxy("")},
		{
			name: "HAProxy", setting: "`normalize-uri`",
			start: haproxy("  http-request normalize-uri path-merge-slashes\n  http-request normalize-uri percent-decode-unreserved\n  http-request normalize-uri percent-to-uppercase\n"),
			cure:  wholeURL, because: "give the scheme the whole URL",
		},
		{
			name: "HAProxy", setting: "`normalize-uri query-sort-by-name`", start: haproxy("  http-request normalize-uri query-sort-by-name\n"),
			cure: wholeURL, because: "give the scheme the whole URL",
		},
		{
			name: "HAProxy", setting: "`replace-path`", start: haproxy("  http-request replace-path /hook(.*) /v1/hook\\1\n"),
			cure: wholeURL, because: "give the scheme the whole URL",
		},
		{name: "Varnish", setting: "the built-in VCL", start: varnish("")},
		{
			name: "Varnish", setting: "`return (hash)` for all", start: varnish("sub vcl_recv { return (hash); }\n"),
			cure: "the built-in VCL", because: "`return (pass)` for the endpoint",
		},
		{name: "Squid", setting: "accelerator", start: squid},
		{
			name: "lighttpd", setting: "`mod_proxy`", start: lighttpd(""),
			cure: "`url-normalize` disabled", because: "`server.http-parseopts = (\"url-normalize\" => \"disable\")`",
		},
		{name: "lighttpd", setting: "`url-normalize` disabled", start: lighttpd("server.http-parseopts = ( \"url-normalize\" => \"disable\" )\n")},
		{name: "Caddy", setting: "`reverse_proxy`", start: caddy(" reverse_proxy {upstream}")},
		{
			name: "Caddy", setting: "`handle_path /hook*`", start: caddy(" handle_path /hook* {\n  reverse_proxy {upstream}\n }"),
			cure: "`reverse_proxy`", because: "`handle`, which does not strip",
		},
		{
			name: "Caddy", setting: "`request_body max_size 32KB`", start: caddy(" request_body {\n  max_size 32KB\n }\n reverse_proxy {upstream}"),
			cure: "`reverse_proxy`", because: "a limit over the largest message",
		},
		{name: "tinyproxy", setting: "`ReversePath`", start: tinyproxy},
		{name: "http-proxy", setting: "the default", start: node("http-proxy")},
		{
			name: "http-proxy", setting: "mounted in express at `/hook`", start: node("express-mount"),
			cure: "the default", because: "put the mount path back, or give the scheme the whole URL",
		},
		{
			name: "express", setting: "`express.json()`, sent on with `JSON.stringify`", start: node("express-json"),
			cure: "`express.raw()`, sent on", because: "`express.raw({type: \"*/*\"})` in front of this route, and the buffer sent on",
		},
		{name: "express", setting: "`express.raw()`, sent on", start: node("express-raw")},
		{
			name: "fastify", setting: "`@fastify/http-proxy`", start: node("fastify-proxy"),
			cure: wholeURL, because: "give the scheme the whole URL",
		},
		{
			name: "smee-client", setting: "as documented", start: node("smee"),
			because: "none: a tunnel that passes connections on, as `hookonce listen` behind one",
		},
	}
}
