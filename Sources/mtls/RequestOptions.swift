import ArgumentParser

/// The options of a request, as they stand on the command line.
struct RequestOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "What to ask for, in order, over connections that are reused. Without a scheme: https.", valueName: "url"))
    var urls: [String]

    @OptionGroup(title: "Request") var message: MessageOptions
    @OptionGroup(title: "Redirects, retries, compression") var follow: FollowOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @OptionGroup(title: "Client certificate") var identity: IdentityOptions
    @OptionGroup(title: "Server and connection") var connection: ConnectionOptions
    @OptionGroup(title: "Transport") var transport: TransportOptions
    @OptionGroup(title: "Proxy") var proxy: ProxyOptions
}

/// What is sent.
struct MessageOptions: ParsableArguments {
    @Option(
        name: [.customShort("X"), .long], parsing: .unconditional,
        help: ArgumentHelp("The method; GET without data, POST with.", valueName: "method"))
    var request: String?

    @Option(
        name: [.customShort("H"), .long], parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "A header field; 'Name:' leaves a default one out, 'Name;' sends it empty, @file reads one per line.",
            valueName: "field"))
    var header: [String] = []

    @Option(
        name: [.customShort("d"), .long], parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Send this; @file or @- (standard input) sends that without its line breaks. Repeated: joined by '&'.",
            valueName: "data"))
    var data: [String] = []

    @Option(
        name: .long, parsing: .unconditionalSingleValue,
        help: ArgumentHelp("As --data, but files are sent as they are.", valueName: "data"))
    var dataBinary: [String] = []

    @Option(
        name: [.customShort("T"), .long], parsing: .unconditional,
        help: ArgumentHelp(
            "PUT this file, or - for standard input; a URL that ends with '/' gets the file's name.", valueName: "file")
    )
    var uploadFile: String?

    @Flag(name: [.customShort("I"), .long], help: "Ask for the head alone (HEAD), and show it.")
    var head = false
}

/// What is done with the answer.
struct OutputOptions: ParsableArguments {
    @Option(
        name: [.customShort("o"), .long], parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Write the body to a file, one option for each URL; - is standard output.", valueName: "file"))
    var output: [String] = []

    @Flag(name: [.customShort("i"), .long], help: "Write the response's head before the body.")
    var include = false

    @Flag(name: [.customShort("f"), .long], help: "Exit with 22, and write no body, when the status is 400 or more.")
    var fail = false

    @Flag(name: .long, help: "Ask for no further URL after one that failed.")
    var failEarly = false

    @Option(
        name: [.customShort("w"), .long], parsing: .unconditional,
        help: ArgumentHelp(
            "Write this after each response, such as '%{http_code} %{time_total}\\n'; @file reads it.",
            valueName: "format"))
    var writeOut: String?

    @Flag(name: [.customShort("v"), .long], help: "Tell of connections, certificates and heads, on standard error.")
    var verbose = false

    @Flag(name: [.customShort("s"), .long], help: "No errors and warnings on standard error.")
    var silent = false

    @Flag(name: [.customShort("S"), .long], help: "Errors even with --silent.")
    var showError = false
}

/// Who asks.
struct IdentityOptions: ParsableArguments {
    @Option(
        name: [.customShort("E"), .long], parsing: .unconditional,
        help: ArgumentHelp(
            "The client certificate: a PEM or PKCS#12 file, or a pkcs11: URI, with which its key is found.",
            valueName: "file|uri"))
    var cert: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "PEM, DER, P12, or ENG for a URI; as the file's contents show unless given.", valueName: "type"))
    var certType: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "The key: a PEM file if not in the certificate's, or a pkcs11: URI.", valueName: "file|uri"))
    var key: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("PEM, DER, or ENG for a URI; likewise.", valueName: "type"))
    var keyType: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "Where the token's PIN is: a file, or 'prompt' for a question, as without the option on a terminal.",
            valueName: "file|prompt"))
    var pinSource: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("The environment variable that holds the PIN.", valueName: "name"))
    var pinEnv: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("Where the key file's passphrase is, likewise.", valueName: "file|prompt"))
    var passSource: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("The environment variable that holds the passphrase.", valueName: "name"))
    var passEnv: String?

    /// curl's option, known only to be refused.
    @Option(name: .long, parsing: .unconditional, help: .hidden)
    var pass: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("The PKCS#11 module, if p11-kit does not know it.", valueName: "file"))
    var module: String?
}

/// Who is asked, and how.
struct ConnectionOptions: ParsableArguments {
    @Option(
        name: .long, parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Trust these certificates (PEM) in place of the system's; repeatable.", valueName: "file"))
    var cacert: [String] = []

    @Option(
        name: .long, parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Trust the certificates in the files of this directory likewise.", valueName: "directory"))
    var capath: [String] = []

    @Option(
        name: .long, parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Refuse the certificates that this revocation list (PEM or DER) names; repeatable.", valueName: "file"))
    var crlfile: [String] = []

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "Demand this public key of the server, or one of several: 'sha256//...;sha256//...'.", valueName: "pins"))
    var pinnedpubkey: String?

    @Flag(name: .long, help: "Demand that the server staple a good OCSP response.")
    var certStatus = false

    @Flag(name: [.customShort("k"), .long], help: "Accept any server certificate. Who answers is then unknown.")
    var insecure = false

    @Option(
        name: .long, parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Connect to these addresses; the host may be '*'.", valueName: "host:port:address,..."))
    var resolve: [String] = []

    @Option(
        name: .long, parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Connect to the second host and port instead; empty parts match, or change, nothing.",
            valueName: "host:port:host:port"))
    var connectTo: [String] = []

    @Flag(name: .customLong("http1.1"), help: "HTTP/1.1, which is all there is.")
    var http11 = false

    @Flag(name: .customLong("tlsv1.2"), help: "TLS 1.2 at least, as without the option.")
    var tls12 = false

    @Flag(name: .customLong("tlsv1.3"), help: "TLS 1.3 at least.")
    var tls13 = false

    @Option(name: .long, parsing: .unconditional, help: ArgumentHelp("TLS 1.2 or 1.3 at most.", valueName: "version"))
    var tlsMax: String?

    @Flag(
        name: .customLong("no-sessionid"),
        help: "Resume no TLS session: each connection makes a full handshake, with a signature by the client's key.")
    var noSessionID = false

    @Flag(name: .long, help: "Let the server renegotiate under TLS 1.2, securely, to ask for a client certificate.")
    var renegotiate = false

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "Append the secrets of the TLS connections to a file, for Wireshark. Whoever has it can read everything.",
            valueName: "file"))
    var keyLog: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("How long connecting, and then the handshake, may take.", valueName: "seconds"))
    var connectTimeout: String?

    @Option(
        name: [.customShort("m"), .long], parsing: .unconditional,
        help: ArgumentHelp("How long each URL may take in all.", valueName: "seconds"))
    var maxTime: String?
}
