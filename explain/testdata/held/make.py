#!/usr/bin/env python3
"""Makes the requests of this folder with real tools: python3 make.py [NODE_MODULES]

A sender signs a message by Standard Webhooks, or by Square's way. A tool then does
to it what people and proxies do, and what arrives is written to a file. list.tsv
says of each file which tool did what, and how the first line must begin. Nothing of
package explain is used here.

Needed: node with express in NODE_MODULES, jq, curl, nginx, perl, xxd, iconv.
"""
import base64, hashlib, hmac, os, re, shutil, socket, subprocess, sys, tempfile, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
KEY = b"our secret of thirty-two bytes!!"  # whsec_ of its base64, in held_test.go
SQUARE = b"4Q7rVb2nXk9wTz0s"
STAMP = "1760000000"
TMP = tempfile.mkdtemp()
rows = []


def out(command, stdin=b""):
    return subprocess.run(command, input=stdin, capture_output=True, check=True, cwd=TMP,
                          env={**os.environ, "NODE_PATH": MODULES}).stdout


def version(tool):
    text = {"nginx": lambda: subprocess.run(["nginx", "-v"], capture_output=True).stderr,
            "perl": lambda: out(["perl", "-e", "print $^V"]), "xxd": lambda: subprocess.run(["xxd", "-v"], capture_output=True).stderr,
            "go": lambda: out(["go", "version"]).split()[2]}.get(tool, lambda: out([tool, "--version"]))()
    number = re.search(rb"\d+\.\d+(\.\d+)?", text)
    return tool + " " + (number.group().decode() if number else text.split()[1].decode())


def standard(body):
    mac = hmac.new(KEY, b"msg_held." + STAMP.encode() + b"." + body, hashlib.sha256).digest()
    return {"Content-Type": "application/json", "Webhook-Id": "msg_held", "Webhook-Timestamp": STAMP,
            "Webhook-Signature": "v1," + base64.b64encode(mac).decode()}


def square(body, address):
    mac = hmac.new(SQUARE, address.encode() + body, hashlib.sha256).digest()
    return {"Content-Type": "application/json", "X-Square-Hmacsha256-Signature": base64.b64encode(mac).decode()}


def keep(name, want, tool, command, request, scheme="standard", url="-"):
    with open(os.path.join(HERE, name + ".http"), "wb") as f:
        f.write(request)
    rows.append([name, scheme, url, want, version(tool), command])


def request(headers, body, line="POST /hook HTTP/1.1"):
    return (line + "\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n").encode() + body


def body(name, want, sent, arrives, tool, command):
    """What arrives of a message whose body a tool rewrote."""
    keep(name, want, tool, command, request(standard(sent), arrives))


class Tap:
    """Takes whole requests from the wire, and answers 200, or what it is told."""

    def __init__(self, answers=()):
        self.got, self.answers = [], list(answers)
        self.s = socket.create_server(("127.0.0.1", 0))
        self.port = self.s.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            c, _ = self.s.accept()
            c.settimeout(3)
            data = b""
            try:
                while b"\r\n\r\n" not in data:
                    data += c.recv(65536)
                head, rest = data.split(b"\r\n\r\n", 1)
                if b"100-continue" in head.lower():
                    c.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                length = re.search(rb"(?i)content-length: *(\d+)", head)
                while length and len(rest) < int(length.group(1)):
                    rest += c.recv(65536)
                    data = head + b"\r\n\r\n" + rest
            except TimeoutError:
                pass
            self.got.append(data)
            answer = self.answers.pop(0) if self.answers else "HTTP/1.1 200 OK"
            c.sendall((answer + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").encode())
            c.close()


def curl(port, headers, *flags, path="/hook"):
    args = ["curl", "-s", "-o", "/dev/null"]
    for k, v in headers.items():
        args += ["-H", f"{k}: {v}"]
    subprocess.run(args + list(flags) + [f"http://127.0.0.1:{port}{path}"], cwd=TMP, timeout=10)


JS = '{"type":"invoice.paid","id":"evt_8Zq1","data":{"total":12.5,"count":3,"note":"Grüße <b>& \'more\'</b> from a/b"},"tags":["x","y"]}'.encode()
SPACED = '{"type": "invoice.paid", "id": "evt_8Zq1", "note": "Grüße"}'.encode()
EIGHT = b'{"zeta":1,"type":"paid","id":"e","amount":5,"customer":"c","email":"x@example.com","note":"n","at":7.0}'
BIG = b'{"id":12345678901234567890,"type":"paid"}'
PRETTY = b'{\n  "type": "paid",\n  "id": "evt_1"\n}\n'
FORM = b"command=%2Fweather&text=94070+a&user=U2147483697"

# node
node = lambda code, text: out(["node", "-e", code], text)
READ = "const b=require('fs').readFileSync(0);"
body("node-stringify", "body-reformatted and body-newline (proven)", PRETTY, node(READ + "process.stdout.write(JSON.stringify(JSON.parse(b)))", PRETTY), "node", "JSON.stringify(JSON.parse(b)), of a pretty sender")
body("node-pretty", "body-reformatted (proven)", JS, node(READ + "process.stdout.write(JSON.stringify(JSON.parse(b),null,4))", JS), "node", "JSON.stringify(JSON.parse(b), null, 4)")
body("node-object", "body-parsed (seen)", JS, node(READ + "process.stdout.write(String(JSON.parse(b)))", JS), "node", "String(JSON.parse(b))")
body("node-inspect-buffer", "body-parsed (seen)", JS, node(READ + "console.log(b)", JS), "node", "console.log(buffer)")
body("node-buffer-json", "body-logged (proven)", JS, node(READ + "process.stdout.write(JSON.stringify(b))", JS), "node", "JSON.stringify(buffer)")
body("node-string-json", "body-wrapped (proven)", JS, node(READ + "process.stdout.write(JSON.stringify(b.toString()))", JS), "node", "JSON.stringify(buffer.toString())")
body("node-latin1", "body-charset (proven)", JS, node(READ + "process.stdout.write(b.toString('latin1'))", JS), "node", "buffer.toString('latin1')")
body("node-big", "body-numbers (seen)", BIG, node(READ + "process.stdout.write(JSON.stringify(JSON.parse(b)))", BIG), "node", "JSON.stringify(JSON.parse(b)) of a number of 20 digits")
body("node-exponent", "body-numbers (proven)", b'{"n":1e3,"a":"b"}', node(READ + "process.stdout.write(JSON.stringify(JSON.parse(b)))", b'{"n":1e3,"a":"b"}'), "node", "JSON.stringify(JSON.parse(b)) of 1e3")
NUMBERED = b'{"b":1,"2":"x","1":"y"}'
body("node-numbered", "body-key-order (proven)", NUMBERED, node(READ + "process.stdout.write(JSON.stringify(JSON.parse(b)))", NUMBERED), "node", "JSON.stringify(JSON.parse(b)) of names that are numbers")
body("node-encode", "body-logged (proven)", JS, node(READ + "process.stdout.write(encodeURIComponent(b.toString()))", JS), "node", "encodeURIComponent(text)")
body("node-form-json", "body-form (proven)", FORM, node(READ + "process.stdout.write(JSON.stringify(Object.fromEntries(new URLSearchParams(b.toString()))))", FORM), "node", "JSON.stringify of URLSearchParams")
# python
py = lambda code, text: out(["python3", "-c", "import sys,json,html,urllib.parse as u;b=sys.stdin.buffer.read();w=sys.stdout.buffer.write;" + code], text)
body("python-dumps", "body-reformatted and body-escapes (proven)", JS, py("w(json.dumps(json.loads(b)).encode())", JS), "python3", "json.dumps(json.loads(b))")
body("python-dumps-utf8", "body-reformatted (proven)", JS, py("w(json.dumps(json.loads(b),ensure_ascii=False).encode())", JS), "python3", "json.dumps(json.loads(b), ensure_ascii=False)")
body("python-sorted", "body-key-order and body-escapes", b'{"type":"p","id":"e","n":"\xc3\xbc"}', py("w(json.dumps(json.loads(b),sort_keys=True).encode())", b'{"type":"p","id":"e","n":"\xc3\xbc"}'), "python3", "json.dumps(json.loads(b), sort_keys=True)")
body("python-sorted-eight", "body-key-order (seen)", EIGHT, py("w(json.dumps(json.loads(b),sort_keys=True).encode())", EIGHT), "python3", "json.dumps(json.loads(b), sort_keys=True) of eight members")
body("python-repr-bytes", "body-logged (proven)", JS, py("w(repr(b).encode())", JS), "python3", "repr(b)")
body("python-repr-dict", "body-parsed (seen)", JS, py("w(repr(json.loads(b)).encode())", JS), "python3", "repr(json.loads(b))")
body("python-html", "body-logged (proven)", JS, py("w(html.escape(b.decode()).encode())", JS), "python3", "html.escape(text)")
body("python-quote", "body-logged (proven)", JS, py("w(u.quote(b.decode()).encode())", JS), "python3", "urllib.parse.quote(text)")
body("python-quote-plus", "body-logged (proven)", SPACED, py("w(u.quote_plus(b.decode()).encode())", SPACED), "python3", "urllib.parse.quote_plus(text)")
body("python-hex", "body-logged (proven)", JS, py("w(b.hex().encode())", JS), "python3", "b.hex()")
body("python-print", "body-newline (proven)", JS, py("print(b.decode())", JS), "python3", "print(text)")
body("python-form-json", "body-form (proven)", FORM, py("w(json.dumps(dict(u.parse_qsl(b.decode()))).encode())", FORM), "python3", "json.dumps(dict(parse_qsl(b)))")
# jq, perl, and the shell
body("jq", "body-newline and body-reformatted (proven)", JS, out(["jq", "."], JS), "jq", "jq .")
body("jq-compact", "body-newline (proven)", JS, out(["jq", "-c", "."], JS), "jq", "jq -c .")
body("jq-ascii", "body-newline and body-escapes (proven)", JS, out(["jq", "-c", "-a", "."], JS), "jq", "jq -c -a .")
body("jq-sorted", "body-key-order and body-newline (proven)", b'{"type":"p","id":"e","n":1}', out(["jq", "-c", "-S", "."], b'{"type":"p","id":"e","n":1}'), "jq", "jq -c -S .")
body("jq-string", "body-wrapped (proven)", JS, out(["jq", "-R", "."], JS), "jq", "jq -R .")
body("jq-big", "body-numbers (seen)", BIG, out(["jq", "-c", "-j", "."], BIG), "jq", "jq -cj . of a number of 20 digits")
body("perl-canonical", "body-key-order (proven)", b'{"type":"p","id":"e","n":1}', out(["perl", "-MJSON::PP", "-e", "local $/;print JSON::PP->new->canonical->encode(decode_json(<STDIN>))"], b'{"type":"p","id":"e","n":1}'), "perl", "JSON::PP->new->canonical->encode")
body("xxd", "body-logged", JS, out(["xxd", "-p", "-c", "1000"], JS), "xxd", "xxd -p -c 1000")
body("base64", "body-base64", JS, out(["base64", "-w0"], JS), "base64", "base64 -w0")
body("iconv-latin1", "body-charset (proven)", JS, out(["iconv", "-f", "utf-8", "-t", "latin1"], JS), "iconv", "iconv -f utf-8 -t latin1")
body("iconv-utf16", "body-charset (proven)", JS, out(["iconv", "-f", "utf-8", "-t", "utf-16"], JS), "iconv", "iconv -f utf-8 -t utf-16")
body("sed-crlf", "body-line-ends (proven)", PRETTY, out(["sed", "s/$/\\r/"], PRETTY), "sed", "sed 's/$/\\r/'")
body("gzip", "body-compressed (proven)", JS, out(["gzip", "-c"], JS), "gzip", "gzip -c")
# go
GO = """package main
import ("encoding/json";"fmt";"io";"os")
func main() { b, _ := io.ReadAll(os.Stdin)
 if os.Args[1] == "bytes" { fmt.Print(b); return }
 var v map[string]any; if json.Unmarshal(b, &v) != nil { os.Exit(1) }
 if os.Args[1] == "print" { fmt.Print(v); return }
 o, _ := json.Marshal(v); os.Stdout.Write(o) }
"""
open(os.path.join(TMP, "main.go"), "w").write(GO)
GOSENT = b'{"type":"p","note":"<b> & c","id":"e"}'
body("go-marshal", "body-key-order and body-escapes (proven)", GOSENT, out(["go", "run", "main.go", "marshal"], GOSENT), "go", "json.Marshal of a map[string]any")
body("go-marshal-nested", "body-escapes (seen)", JS.replace(b"from a/b", b"from a/b 1e999"), out(["go", "run", "main.go", "marshal"], JS.replace(b'"tags":["x","y"]', b'"tags":["x","y"],"n":1e3,"at":1.0,"e":"f"')), "go", "json.Marshal of a map[string]any, of another body")
body("go-bytes", "body-logged (proven)", JS, out(["go", "run", "main.go", "bytes"], JS), "go", "fmt.Print([]byte)")
body("go-map", "body-parsed (seen)", JS, out(["go", "run", "main.go", "print"], JS), "go", "fmt.Print(map)")

# curl
open(os.path.join(TMP, "body.json"), "wb").write(PRETTY)
open(os.path.join(TMP, "js.json"), "wb").write(JS)
tap = Tap()
curl(tap.port, standard(PRETTY), "-d", "@body.json")
keep("curl-data-file", "body-line-ends (proven)", "curl", "curl -d @body.json", tap.got[-1])
curl(tap.port, {k: v for k, v in standard(JS).items() if k != "Content-Type"}, "-F", "payload=<js.json")
keep("curl-form", "body-wrapped (proven)", "curl", "curl -F 'payload=<js.json'", tap.got[-1])
curl(tap.port, {k: v for k, v in standard(JS).items() if k != "Content-Type"}, "--data-urlencode", "@js.json")
keep("curl-urlencode", "body-logged (proven)", "curl", "curl --data-urlencode @js.json", tap.got[-1])
curl(tap.port, standard(JS), "-X", "POST")
keep("curl-empty", "body-consumed (seen)", "curl", "curl -X POST without a body", tap.got[-1])
curl(tap.port, standard(JS), "-G", "-d", "a=1")
keep("curl-get", "method (seen)", "curl", "curl -G", tap.got[-1])
for status in ("301", "302", "303"):
    tap = Tap([f"HTTP/1.1 {status} Moved\r\nLocation: /hook/"])
    curl(tap.port, standard(JS), "-L", "--data-binary", "@js.json")
    keep("curl-redirect-" + status, "method (seen)", "curl", f"curl -L after a {status}", tap.got[-1])
tap = Tap(["HTTP/1.1 302 Found\r\nLocation: /hook/"])
headers = ",".join(f"'{k}':'{v}'" for k, v in standard(JS).items())
node(READ + f"fetch('http://127.0.0.1:{tap.port}/hook',{{method:'POST',body:b.toString(),headers:{{{headers}}}}}).then(r=>r.text())", JS)
keep("node-fetch-redirect", "method (seen)", "node", "fetch after a 302", tap.got[-1])
tap = Tap(["HTTP/1.1 302 Found\r\nLocation: /hook/"])
py(f"import urllib.request as q;q.urlopen(q.Request('http://127.0.0.1:{tap.port}/hook',b,{standard(JS)!r}))", JS)
keep("urllib-redirect", "method (seen)", "python3", "urllib after a 302", tap.got[-1])

# express: parses the body and sends it on
EXPRESS = """const e=require('express'),a=e();a.use(e.json());a.use(e.urlencoded({extended:true}));
a.post('*all',async(q,r)=>{const h={...q.headers};delete h['content-length'];delete h.host;delete h.connection;h['content-type']='application/json';
await fetch(process.argv[1]+q.originalUrl,{method:'POST',headers:h,body:JSON.stringify(q.body)});r.end()});
const s=a.listen(0,'127.0.0.1',()=>console.log(s.address().port))"""


def express(name, want, sent, kind, command):
    tap = Tap()
    p = subprocess.Popen(["node", "-e", EXPRESS, f"http://127.0.0.1:{tap.port}"], stdout=subprocess.PIPE, env={**os.environ, "NODE_PATH": MODULES})
    try:
        port = int(p.stdout.readline())
        open(os.path.join(TMP, "sent"), "wb").write(sent)
        headers = standard(sent)
        headers["Content-Type"] = kind
        curl(port, headers, "--data-binary", "@sent")
        keep(name, want, "node", command + ", with express 5", tap.got[-1])
    finally:
        p.terminate()
        p.wait()


express("express-json", "body-reformatted (proven)", SPACED, "application/json", "express.json() and JSON.stringify(req.body)")
express("express-no-type", "body-consumed (seen)", JS, "text/plain", "express.json() of text/plain and JSON.stringify(req.body)")
express("express-form", "body-form (proven)", FORM, "application/x-www-form-urlencoded", "express.urlencoded() and JSON.stringify(req.body)")

# nginx: its logs, and paths that it writes anew
CONF = """daemon off; pid %(tmp)s/nginx.pid; error_log %(tmp)s/error.log; events {}
http { access_log off; client_body_temp_path %(tmp)s/b; proxy_temp_path %(tmp)s/p; fastcgi_temp_path %(tmp)s/f; uwsgi_temp_path %(tmp)s/u; scgi_temp_path %(tmp)s/s;
log_format plain '$request_body'; log_format json escape=json '$request_body'; log_format none escape=none '$request_body';
server { listen 127.0.0.1:%(port)d;
location /hook { access_log %(tmp)s/plain.log plain; access_log %(tmp)s/json.log json; proxy_pass http://127.0.0.1:%(tap)d/hook; }
location /in/ { proxy_pass http://127.0.0.1:%(tap)d/; } } }"""
tap = Tap()
free = socket.create_server(("127.0.0.1", 0))
port = free.getsockname()[1]
free.close()
open(os.path.join(TMP, "nginx.conf"), "w").write(CONF % {"tmp": TMP, "port": port, "tap": tap.port})
p = subprocess.Popen(["nginx", "-p", TMP, "-c", os.path.join(TMP, "nginx.conf")], stderr=subprocess.DEVNULL)
try:
    time.sleep(1)
    curl(port, standard(JS), "--data-binary", "@js.json")
    time.sleep(0.5)
    logged = lambda name: open(os.path.join(TMP, name), "rb").read().rstrip(b"\n")
    body("nginx-log", "body-logged (proven)", JS, logged("plain.log"), "nginx", "log_format '$request_body'")
    body("nginx-log-json", "body-logged (proven)", JS, logged("json.log"), "nginx", "log_format escape=json '$request_body'")
    origin = "https://example.com"
    for name, signed, want in (("tilde", "/hook/%7Euser", "url (proven)"), ("slash", "/hook/a%2Fb", "url (proven)"), ("both", "/hook/%7Euser/a%2Fb", "url (proven)"),
                               ("merged", "/hook//events", "url (proven)"), ("stripped", "/in/hook", "url (seen)")):
        curl(port, square(JS, origin + signed), "--path-as-is", "--data-binary", "@js.json", path=signed)
        keep("nginx-" + name, want, "nginx", "proxy_pass with a URI, of " + signed, tap.got[-1], "square", origin)
    curl(port, {**standard(JS), "Webhook_Signature": standard(JS)["Webhook-Signature"], "Webhook-Signature": ""}, "--data-binary", "@js.json")
    keep("nginx-underscore", "header-missing (seen)", "nginx", "a header with an underscore", tap.got[-1])
finally:
    p.terminate()
    p.wait()
shutil.rmtree(TMP)
with open(os.path.join(HERE, "list.tsv"), "w") as f:
    f.write("file\tscheme\turl\tfirst line\ttool\twhat it did\n")
    for row in rows:
        f.write("\t".join(row) + "\n")
print(len(rows), "requests")
