import CommandSupport
import DevPKI
import Glibc
import MTLSClient

/// The Apache of this process: one for all tests, started when the first of them asks for it.
///
/// Every response tells in `X-Client` of the client's certificate. What is sent to a path that ends in `/echo` comes back.
final class Apache: Sendable {
    /// Its servers, each at a port of its own.
    enum Site: String, CaseIterable {
        /// Demands a client certificate in the handshake.
        case whole
        /// Demands one below `/private` alone, hence after the handshake.
        case directory
    }

    private static let shared = Task { try await Apache() }

    static func running() async throws -> Apache { try await shared.value }

    let authority: CertificateAuthority
    private let ports: [Site: LoopbackPort]
    private let process: ServerProcess

    private init() async throws {
        let executable = try Executable.path(of: "apache2")
        authority = try await Parties.ready().authority
        let directory = try TemporaryDirectory()
        try authority.writeRoot(to: directory.path)
        let files = try authority.issue(.server(names: ["127.0.0.1"])).write(to: directory.path, name: "server")
        var ports: [Site: LoopbackPort] = [:]
        for site in Site.allCases { ports[site] = try LoopbackPort() }
        self.ports = ports
        let sites = ports.map { Self.server($0, port: $1.number, files, in: directory.path) }.joined()
        let configuration = try directory.write(
            Self.configuration(directory: directory.path) + sites, to: "apache.conf")
        process = try ServerProcess(
            executable, ["-D", "FOREGROUND", "-d", directory.path, "-f", configuration], in: directory)
        for port in ports.values { try await process.waitUntilListening(on: port) }
    }

    func url(_ site: Site) -> String { "https://127.0.0.1:\(ports[site]?.number ?? 0)" }

    /// What is served needs no file: the workers, who are nobody where we are root, could not read ours.
    private static func configuration(directory: String) -> String {
        let modules = ["mpm_event", "authz_core", "ssl", "headers", "reflector", "status"]
        return """
            ServerName localhost
            PidFile \(directory)/apache.pid
            DefaultRuntimeDir \(directory)
            ErrorLog /dev/stderr
            LogLevel warn
            \(getuid() == 0 ? "User nobody\nGroup nogroup" : "")
            \(modules.map { "LoadModule \($0)_module /usr/lib/apache2/modules/mod_\($0).so" }.joined(separator: "\n"))
            StartServers 1
            DocumentRoot /
            KeepAlive On
            <Location />
                Require all granted
                SetHandler server-status
            </Location>
            <LocationMatch "/echo$">
                SetHandler reflector
            </LocationMatch>
            Header always set X-Client "%{SSL_CLIENT_VERIFY}s %{SSL_CLIENT_S_DN}s %{SSL_PROTOCOL}s"

            """
    }

    private static func server(
        _ site: Site, port: Int, _ files: IssuedIdentity.Files, in directory: String
    ) -> String {
        """
        Listen 127.0.0.1:\(port)
        <VirtualHost 127.0.0.1:\(port)>
            SSLEngine on
            SSLProtocol -all +TLSv1.2 +TLSv1.3
            SSLCertificateFile \(files.certificate)
            SSLCertificateKeyFile \(files.key)
            SSLCACertificateFile \(directory)/ca.pem
            SSLVerifyDepth 2
            SSLVerifyClient \(site == .whole ? "require" : "none")
            <Location /private>
                SSLVerifyClient require
            </Location>
        </VirtualHost>

        """
    }
}

extension Response {
    /// What ``Apache`` says of the client.
    var client: String { headerFields[.init("X-Client") ?? .server] ?? "" }
}
