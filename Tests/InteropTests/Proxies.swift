import CommandSupport
import DevPKI
import Glibc
import MTLSClient

/// Squid, with a port for HTTP and one for HTTPS, which demands client certificates of ``authority``.
final class Squid: Sendable {
    static var isInstalled: Bool { Executable.find("squid") != nil }

    private static let shared = Task { try await Squid() }

    static func running() async throws -> Squid { try await shared.value }

    /// Issued its certificate, and those of its clients: no origin knows it.
    let authority: CertificateAuthority
    private let http: LoopbackPort
    private let https: LoopbackPort
    private let process: ServerProcess

    private init() async throws {
        authority = try CertificateAuthority(commonName: "Proxy Root")
        let directory = try TemporaryDirectory()
        let root = try authority.writeRoot(to: directory.path)
        let files = try authority.issue(.server(names: ["127.0.0.1"])).write(to: directory.path, name: "squid")
        (http, https) = (try LoopbackPort(), try LoopbackPort())
        let service = "mtls\(getpid())"
        let configuration = try directory.write(
            """
            http_port 127.0.0.1:\(http.number)
            https_port 127.0.0.1:\(https.number) tls-cert=\(files.certificate) tls-key=\(files.key) clientca=\(root)
            acl any port 1-65535
            http_access allow any
            cache deny all
            cache_mem 0
            memory_cache_shared off
            collapsed_forwarding off
            sslproxy_session_cache_size 0
            access_log none
            cache_log /dev/null
            netdb_filename none
            pid_filename none
            pinger_enable off
            shutdown_lifetime 0 seconds
            coredump_dir /
            \(getuid() == 0 ? "cache_effective_user nobody\ncache_effective_group nogroup" : "")

            """, to: "squid.conf")
        process = try ServerProcess(
            Executable.path(of: "squid"), ["-N", "-d", "1", "-n", service, "-f", configuration], in: directory)
        for port in [http, https] { try await process.waitUntilListening(on: port) }
        // It has them open, and will be killed before it can remove them.
        for name in ["metadata", "queues", "readers"] { unlink("/dev/shm/\(service)-cf__\(name).shm") }
    }

    var trust: Trust { .certificates([authority.root]) }

    func proxy(_ kind: Proxy.Kind) throws -> Proxy {
        try Proxy("\(kind.rawValue)://127.0.0.1:\((kind == .https ? https : http).number)")
    }
}

/// Tinyproxy, which demands credentials of `alice`.
final class Tinyproxy: Sendable {
    static var isInstalled: Bool { Executable.find("tinyproxy") != nil }

    private let port: LoopbackPort
    private let process: ServerProcess

    init() async throws {
        let directory = try TemporaryDirectory()
        port = try LoopbackPort()
        let configuration = try directory.write(
            "Port \(port.number)\nListen 127.0.0.1\nMaxClients 20\nBasicAuth alice wonder\n", to: "tinyproxy.conf")
        process = try ServerProcess(Executable.path(of: "tinyproxy"), ["-d", "-c", configuration], in: directory)
        try await process.waitUntilListening(on: port)
    }

    var url: String { "http://127.0.0.1:\(port.number)" }
}

/// Dante's SOCKS server.
final class Dante: Sendable {
    static var isInstalled: Bool { Executable.find("danted") != nil }

    private let port: LoopbackPort
    private let process: ServerProcess

    init() async throws {
        let directory = try TemporaryDirectory()
        port = try LoopbackPort()
        let user = getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) } ?? "root"
        let configuration = try directory.write(
            """
            logoutput: stderr
            internal: 127.0.0.1 port = \(port.number)
            external: lo
            socksmethod: none
            clientmethod: none
            user.privileged: \(user)
            user.unprivileged: \(user)
            client pass { from: 0/0 to: 0/0 }
            socks pass { from: 0/0 to: 0/0 }

            """, to: "danted.conf")
        process = try ServerProcess(Executable.path(of: "danted"), ["-f", configuration, "-N", "1"], in: directory)
        try await process.waitUntilListening(on: port)
    }

    func url(_ kind: Proxy.Kind = .socks5h) -> String { "\(kind.rawValue)://127.0.0.1:\(port.number)" }
}

/// An nginx without TLS.
final class PlainNginx: Sendable {
    private let port: LoopbackPort
    private let process: ServerProcess

    init() async throws {
        let directory = try TemporaryDirectory()
        port = try LoopbackPort()
        let configuration = try directory.write(
            """
            daemon off;
            worker_processes 1;
            pid \(directory.path)/nginx.pid;
            events { worker_connections 64; }
            http {
                access_log off;
                client_body_temp_path \(directory.path)/body;
                proxy_temp_path \(directory.path)/proxy;
                fastcgi_temp_path \(directory.path)/fastcgi;
                uwsgi_temp_path \(directory.path)/uwsgi;
                scgi_temp_path \(directory.path)/scgi;
                server { listen 127.0.0.1:\(port.number); location / { return 200 "plain $http_host\\n"; } }
            }
            """, to: "nginx.conf")
        process = try ServerProcess(
            Executable.path(of: "nginx"), ["-p", directory.path, "-c", configuration, "-e", "stderr"], in: directory)
        try await process.waitUntilListening(on: port)
    }

    var authority: String { "127.0.0.1:\(port.number)" }
}
