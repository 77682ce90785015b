package proxies_test

import (
	"testing"

	"github.com/hookonce/hookonce/integration/services"
)

// intermediary is a proxy under one setting.
type intermediary struct {
	name, setting string
	// start starts the proxy in front of a receiver, and returns its address. script
	// is instead the name of one in proxy.mjs.
	start  func(t *testing.T, to *receiver) string
	script string
	// cure is the setting of another row of this proxy, or wholeURL, under which
	// all that was signed is handled.
	cure string
	// but are the shapes that it does not cure.
	but []string
	// later is for a tunnel, which responds before it passes anything on.
	later bool
	// follow is for a sender that follows redirects.
	follow bool
}

// wholeURL is a cure at the receiver: the scheme is given the whole public address
// as it is registered at the sender.
const wholeURL = "give the scheme the whole registered URL"

func intermediaries() []intermediary {
	const (
		nginxCured   = "`client_max_body_size 8m; underscores_in_headers on; large_client_header_buffers 4 32k;`"
		apacheCured  = "`ProxyPass … nocanon`, `AllowEncodedSlashes NoDecode`, `MergeSlashes Off`, `LimitRequestFieldSize 32768`"
		haproxyCured = "`tune.bufsize 65536`"
		varnishCured = "`return (pipe)` for the endpoint, `-p http_req_hdr_len=32k -p http_req_size=64k`"
		squidCured   = "`cache_peer … login=PASSTHRU`"
		lightyCured  = "`server.http-parseopts = (\"url-normalize\" => \"disable\")`, `server.max-request-field-size = 65536`"
		nodeCured    = "`http.createServer({maxHeaderSize: 65536}, …)`"
		pipeCured    = "`req.pipe(http.request({path: req.originalUrl, …}))` in front of every parser"
	)
	return []intermediary{
		{name: "none", setting: "no proxy", start: direct},

		{name: "nginx", setting: "`proxy_pass http://app;`", start: nginx("location / { proxy_pass http://{upstream}; }"), cure: nginxCured},
		{
			name: "nginx", setting: nginxCured,
			start: nginx("client_max_body_size 8m; underscores_in_headers on; large_client_header_buffers 4 32k; location / { proxy_pass http://{upstream}; }"),
		},
		{name: "nginx", setting: "`proxy_pass http://app/;`", start: nginx(large + "location / { proxy_pass http://{upstream}/; }"), cure: nginxCured},
		{
			name: "nginx", setting: "`rewrite ^/hook(.*) /v1$1 break;`", cure: wholeURL,
			start: nginx(large + "location / { rewrite ^/hook(.*) /v1$1 break; proxy_pass http://{upstream}; }"),
		},
		{name: "nginx", setting: "`location /hook/`", start: nginx(large + "location /hook/ { proxy_pass http://{upstream}; }"), cure: nginxCured},
		{
			name: "nginx", setting: "`return 301 …;`, and a sender that follows", follow: true,
			start: nginx(large + "location / { return 301 http://{upstream}$request_uri; }"), cure: "`return 308 …;`, and a sender that follows",
			but: []string{dots}, // the sender resolves them
		},
		{
			name: "nginx", setting: "`return 308 …;`, and a sender that follows", follow: true,
			start: nginx(large + "location / { return 308 http://{upstream}$request_uri; }"),
		},

		{name: "Apache", setting: "`ProxyPass / http://app/`", start: apache("ProxyPass / http://{upstream}/\n"), cure: apacheCured},
		{
			name: "Apache", setting: apacheCured,
			start: apache("AllowEncodedSlashes NoDecode\nMergeSlashes Off\nLimitRequestFieldSize 32768\nProxyPass / http://{upstream}/ nocanon\n"),
		},
		{
			name: "Apache", setting: "`SetInputFilter DEFLATE`", cure: apacheCured,
			start: apache("AllowEncodedSlashes NoDecode\nMergeSlashes Off\nLimitRequestFieldSize 32768\nSetInputFilter DEFLATE\nProxyPass / http://{upstream}/ nocanon\n"),
		},

		{name: "HAProxy", setting: "`mode http`", start: haproxy("", ""), cure: haproxyCured},
		{name: "HAProxy", setting: haproxyCured, start: haproxy("  tune.bufsize 65536\n", "")},
		{
			name: "HAProxy", setting: "`http-request normalize-uri path-merge-slashes`, `percent-decode-unreserved`, `percent-to-uppercase`",
			start: haproxy("  tune.bufsize 65536\n", "  http-request normalize-uri path-merge-slashes\n"+
				"  http-request normalize-uri percent-decode-unreserved\n  http-request normalize-uri percent-to-uppercase\n"),
			cure: haproxyCured,
		},
		{
			name: "HAProxy", setting: "`http-request normalize-uri query-sort-by-name`", cure: haproxyCured,
			start: haproxy("  tune.bufsize 65536\n", "  http-request normalize-uri query-sort-by-name\n"),
		},
		{
			name: "HAProxy", setting: `` + "`http-request replace-path /hook(.*) /v1\\1`", cure: wholeURL,
			start: haproxy("  tune.bufsize 65536\n", "  http-request replace-path /hook(.*) /v1\\1\n"),
		},

		{name: "Varnish", setting: "the built-in VCL", start: varnish(""), cure: varnishCured},
		{
			name: "Varnish", setting: varnishCured,
			start: varnish("sub vcl_recv { return (pipe); }\n", "-p", "http_req_hdr_len=32k", "-p", "http_req_size=64k"),
		},
		{name: "Varnish", setting: "`return (hash)` for every request", start: varnish("sub vcl_recv { return (hash); }\n", "-p", "default_ttl=3600"), cure: varnishCured},

		{name: "Squid", setting: "`accel`", start: squid(""), cure: squidCured},
		{name: "Squid", setting: squidCured, start: squid(" login=PASSTHRU")},

		{name: "lighttpd", setting: "`mod_proxy`", start: lighttpd(""), cure: lightyCured},
		{
			name: "lighttpd", setting: lightyCured,
			start: lighttpd("server.http-parseopts = ( \"url-normalize\" => \"disable\" )\nserver.max-request-field-size = 65536\n"),
		},

		{name: "Caddy", setting: "`reverse_proxy app`", start: caddy(" reverse_proxy {upstream}")},
		{
			name: "Caddy", setting: "`handle_path /hook*`", cure: "`reverse_proxy app`",
			start: caddy(" handle_path /hook* {\n  reverse_proxy {upstream}\n }"),
		},
		{
			name: "Caddy", setting: "`request_body { max_size 32KB }`", cure: "`reverse_proxy app`",
			start: caddy(" request_body {\n  max_size 32KB\n }\n reverse_proxy {upstream}"),
		},

		{name: "tinyproxy", setting: "`ReversePath`", start: tinyproxy},

		{name: "http-proxy", setting: "`createProxyServer({target})`", script: "http-proxy", cure: nodeCured, but: []string{slashes}},
		{name: "http-proxy", setting: nodeCured, script: "http-proxy-large", cure: wholeURL},
		{name: "http-proxy", setting: "mounted: `app.use('/hook', …)`", script: "express-mount", cure: wholeURL},
		{name: "express", setting: "`express.json()`, `express.urlencoded()`, `JSON.stringify(req.body)` sent on", script: "express-json", cure: pipeCured},
		{name: "express", setting: "`express.raw({type: '*/*'})`, the buffer sent on by `fetch`", script: "express-raw", cure: pipeCured},
		{name: "express", setting: pipeCured, script: "express-pipe"},
		{name: "fastify", setting: "`@fastify/http-proxy`", script: "fastify-proxy", cure: wholeURL},
		{name: "fastify", setting: "its JSON parser, `JSON.stringify(request.body)` sent on", script: "fastify-json", cure: "`@fastify/http-proxy`", but: []string{dots, "Expect", "16 KiB of headers"}},
		{name: "smee-client", setting: "as its documentation starts it", script: "smee", later: true},

		{name: "AWS Lambda", setting: "REST API (1.0), `aws-lambda-go-api-proxy`", start: restEvent},
		{name: "AWS Lambda", setting: "HTTP API or function URL (2.0), `aws-lambda-go-api-proxy`", start: httpEvent},
	}
}

// large are nginx's limits where another setting is what counts.
const large = "client_max_body_size 8m; underscores_in_headers on; large_client_header_buffers 4 32k; "

func direct(_ *testing.T, to *receiver) string { return to.addr }

func installed(p services.Proxy) func(*testing.T, *receiver) string {
	return func(t *testing.T, to *receiver) string {
		t.Helper()
		return services.StartProxy(t, p, to.addr).Addr
	}
}

func nginx(server string) func(*testing.T, *receiver) string {
	return installed(services.Proxy{
		Program: "nginx", Package: "nginx-light", Args: []string{"-p", "{dir}", "-c", "{dir}/config", "-e", "stderr"},
		Config: `daemon off; master_process off; pid {dir}/pid; worker_rlimit_nofile 1024;
events { worker_connections 256; }
http { access_log off; client_body_temp_path {dir}/1; proxy_temp_path {dir}/2; fastcgi_temp_path {dir}/3; uwsgi_temp_path {dir}/4; scgi_temp_path {dir}/5;
server { listen 127.0.0.1:{port}; ` + server + ` } }`,
	})
}

func apache(directives string) func(*testing.T, *receiver) string {
	return installed(services.Proxy{
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

func haproxy(global, frontend string) func(*testing.T, *receiver) string {
	return installed(services.Proxy{
		Program: "haproxy", Package: "haproxy", Args: []string{"-db", "-f", "{dir}/config"},
		Config: "global\n  expose-experimental-directives\n" + global +
			"defaults\n  mode http\n  timeout connect 5s\n  timeout client 20s\n  timeout server 20s\n" +
			"frontend in\n  bind 127.0.0.1:{port}\n" + frontend + "  default_backend out\nbackend out\n  server one {upstream}\n",
	})
}

func varnish(rules string, args ...string) func(*testing.T, *receiver) string {
	return installed(services.Proxy{
		Program: "varnishd", Package: "varnish",
		Args:   append([]string{"-F", "-a", "127.0.0.1:{port}", "-f", "{dir}/config", "-n", "{dir}/work", "-s", "malloc,32m", "-j", "none"}, args...),
		Config: "vcl 4.1;\nbackend default { .host = \"{host}\"; .port = \"{upport}\"; }\n" + rules,
	})
}

func squid(peer string) func(*testing.T, *receiver) string {
	return installed(services.Proxy{
		Program: "squid", Package: "squid", Unprivileged: true, Args: []string{"-N", "-f", "{dir}/config"},
		Config: `http_port 127.0.0.1:{port} accel defaultsite=hooks.example no-vhost
cache_peer {host} parent {upport} 0 no-query originserver no-digest name=one` + peer + `
http_access allow all
cache deny all
pid_filename {dir}/pid
access_log none
cache_log stdio:/dev/stderr
cache_store_log none
coredump_dir {dir}
shutdown_lifetime 0 seconds
`,
	})
}

func lighttpd(settings string) func(*testing.T, *receiver) string {
	return installed(services.Proxy{
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

func caddy(site string) func(*testing.T, *receiver) string {
	return installed(services.Proxy{
		Program: "caddy", Package: "caddy", Args: []string{"run", "--config", "{dir}/config", "--adapter", "caddyfile"},
		Config: "{\n admin off\n auto_https off\n storage file_system {dir}/caddy\n}\nhttp://:{port} {\n bind 127.0.0.1\n" + site + "\n}\n",
	})
}

func tinyproxy(t *testing.T, to *receiver) string {
	t.Helper()
	return installed(services.Proxy{
		Program: "tinyproxy", Package: "tinyproxy", Args: []string{"-d", "-c", "{dir}/config"},
		Config: "Port {port}\nListen 127.0.0.1\nTimeout 20\nLogLevel Critical\nMaxClients 50\nReverseOnly Yes\nReversePath \"/\" \"http://{upstream}/\"\n",
	})(t, to)
}
