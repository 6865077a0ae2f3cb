import CommandSupport
import DevPKI
import Glibc
import MTLSClient

/// The nginx of this process: one for all tests, started when the first of them asks for it.
final class Nginx: Sendable {
    /// Its servers, each at a port of its own. All demand client certificates of ``authority``.
    enum Site: String, CaseIterable {
        case plain
        /// Closes a connection after two requests.
        case twoRequests
        /// Closes each connection after its response.
        case oneRequest
        /// Its certificate is for another name.
        case wrongName
        case expired
        /// Its certificate was issued by an authority that nobody knows.
        case untrusted
    }

    private static let shared = Task { try await Nginx() }

    static func running() async throws -> Nginx { try await shared.value }

    let authority: CertificateAuthority
    /// What `/large` is.
    let large = Noise.bytes(20 << 20)
    private let ports: [Site: LoopbackPort]
    private let process: ServerProcess

    private init() async throws {
        let executable = try Executable.path(of: "nginx")
        authority = try await Parties.ready().authority
        let directory = try TemporaryDirectory()
        try authority.writeRoot(to: directory.path)
        directory.makeDirectory("www")
        try directory.write(large, to: "www/large")
        try directory.write("twenty times 0123456789\n", to: "www/text")
        var ports: [Site: LoopbackPort] = [:]
        var servers = ""
        for site in Site.allCases {
            let port = try LoopbackPort()
            ports[site] = port
            let files = try Self.identity(of: site, authority).write(to: directory.path, name: site.rawValue)
            servers += Self.server(site, port: port.number, files, in: directory.path)
        }
        self.ports = ports
        let configuration = try directory.write(
            Self.configuration(servers: servers, directory: directory.path), to: "nginx.conf")
        process = try ServerProcess(
            executable, ["-p", directory.path, "-c", configuration, "-e", "stderr"], in: directory)
        for port in ports.values { try await process.waitUntilListening(on: port) }
    }

    var trust: Trust { .certificates([authority.root]) }

    func url(_ site: Site = .plain) -> String { "https://127.0.0.1:\(ports[site]?.number ?? 0)" }

    /// An identity that it accepts, in memory.
    func identity(_ commonName: String) throws -> Identity {
        try authority.issueClient(commonName: commonName).identity()
    }

    /// A client that it accepts.
    func client(_ site: Site = .plain, tls: TLSSettings = TLSSettings()) throws -> Client {
        try Client(url(site), identity: identity("client"), trust: trust, tls: tls)
    }

    private static func identity(of site: Site, _ authority: CertificateAuthority) throws -> IssuedIdentity {
        switch site {
        case .plain, .twoRequests, .oneRequest: try authority.issue(.server(names: ["127.0.0.1", "localhost"]))
        case .wrongName: try authority.issue(.server(names: ["elsewhere.test"]))
        case .expired: try authority.issue(.server(names: ["127.0.0.1"]), validity: .expired)
        case .untrusted:
            try CertificateAuthority(commonName: "Unknown Root").issue(.server(names: ["127.0.0.1"]))
        }
    }

    private static func configuration(servers: String, directory: String) -> String {
        """
        daemon off;
        worker_processes 1;
        \(getuid() == 0 ? "user root;" : "")
        pid \(directory)/nginx.pid;
        error_log stderr warn;
        events { worker_connections 256; }
        http {
            access_log off;
            default_type text/plain;
            client_body_temp_path \(directory)/body;
            proxy_temp_path \(directory)/proxy;
            fastcgi_temp_path \(directory)/fastcgi;
            uwsgi_temp_path \(directory)/uwsgi;
            scgi_temp_path \(directory)/scgi;
            ssl_protocols TLSv1.2 TLSv1.3;
            ssl_client_certificate \(directory)/ca.pem;
            ssl_verify_client on;
            ssl_verify_depth 2;
            root \(directory)/www;
        \(servers)
        }
        """
    }

    private static func server(
        _ site: Site, port: Int, _ files: IssuedIdentity.Files, in directory: String
    ) -> String {
        """
            server {
                listen 127.0.0.1:\(port) ssl;
                ssl_certificate \(files.certificate);
                ssl_certificate_key \(files.key);
                \(site == .twoRequests ? "keepalive_requests 2;" : site == .oneRequest ? "keepalive_timeout 0;" : "")
                location = /who {
                    return 200 "$ssl_client_verify $ssl_client_s_dn $ssl_protocol $connection_requests\\n";
                }
                location = /name { return 200 "$ssl_server_name $host\\n"; }
                location = /nothing { return 204; }
                location = /elsewhere { return 302 /who; }
                location = /small-uploads { client_max_body_size 1k; proxy_pass http://127.0.0.1:1; }
                # A filter forgets the length: the body is chunked, or goes on until the connection is closed.
                location = /chunked { alias \(directory)/www/text; sub_filter times TIMES; sub_filter_types *; }
                location = /until-close {
                    alias \(directory)/www/text; sub_filter times TIMES; sub_filter_types *;
                    chunked_transfer_encoding off;
                }
            }

        """
    }
}
