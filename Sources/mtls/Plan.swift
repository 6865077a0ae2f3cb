import HTTPTypes
import MTLSClient

/// What a command line asks for, examined; nothing was read or sent yet.
struct Plan {
    /// One URL.
    struct Target: Equatable {
        /// As it was given.
        let url: String
        /// With a scheme.
        let effectiveURL: String
        /// Where the body goes; nil is standard output.
        let file: String?
    }

    let targets: [Target]
    let method: HTTPRequest.Method
    let headers: [HeaderOption]
    let data: [DataPart]
    /// The file to send; `-` is standard input.
    let upload: String?
    let includesHead: Bool
    let failsOnError: Bool
    let failsEarly: Bool
    let writeOut: String?
    let isVerbose: Bool
    let identity: IdentityChoice
    let pin: SecretSource?
    let passphrase: SecretSource?
    let module: String?
    var connection: ConnectionPlan
    let follow: FollowPlan

    /// - Parameters:
    ///   - dataKinds: In which order the data options stood.
    ///   - exists: Whether there is a file of that name.
    init(_ options: RequestOptions, dataKinds: [DataPart.Kind], exists: (String) -> Bool) throws(UsageError) {
        targets = try Self.targets(
            options.urls.map { Upload.url($0, file: options.message.uploadFile) }, outputs: options.output.output)
        data = DataPart.inOrder(dataKinds, text: options.message.data, binary: options.message.dataBinary)
        upload = options.message.uploadFile
        if upload != nil, options.message.head || !data.isEmpty {
            throw UsageError("--upload-file excludes --data and --head")
        }
        if options.message.head, !data.isEmpty { throw UsageError("--head and --data exclude each other") }
        let name = options.message.request ?? Self.usualMethod(options.message, data)
        guard let method = HTTPRequest.Method(name) else { throw UsageError("'\(name)' cannot be a method") }
        self.method = method
        headers = try options.message.header.map { (text) throws(UsageError) in try HeaderOption(text) }
        includesHead = options.output.include || options.message.head
        failsOnError = options.output.fail
        failsEarly = options.output.failEarly
        writeOut = options.output.writeOut
        isVerbose = options.output.verbose
        identity = try options.identity.choice(exists: exists)
        pin = try .named("pin", file: options.identity.pinSource, variable: options.identity.pinEnv)
        passphrase = try .named("pass", file: options.identity.passSource, variable: options.identity.passEnv)
        module = options.identity.module
        follow = try FollowPlan(options.follow)
        connection = try ConnectionPlan(
            options.connection, transport: TransportPlan(options.transport),
            proxy: ProxyPlan(options.proxy, exists: exists))
    }

    private static func targets(_ urls: [String], outputs: [String]) throws(UsageError) -> [Target] {
        guard outputs.count <= urls.count else { throw UsageError("there are more --output options than URLs") }
        return urls.enumerated().map { index, url in
            let file = outputs.indices.contains(index) && outputs[index] != "-" ? outputs[index] : nil
            return Target(url: url, effectiveURL: url.contains("://") ? url : "https://\(url)", file: file)
        }
    }

    private static func usualMethod(_ options: MessageOptions, _ data: [DataPart]) -> String {
        if options.head { return "HEAD" }
        if options.uploadFile != nil { return "PUT" }
        return data.isEmpty ? "GET" : "POST"
    }

    /// What is sent unless `-H` says otherwise.
    var defaultFields: HTTPFields {
        var fields = HTTPFields.ofCommand
        if !data.isEmpty { fields[.contentType] = "application/x-www-form-urlencoded" }
        return fields
    }
}

extension HTTPFields {
    /// What every request of the command says of its sender.
    static var ofCommand: HTTPFields {
        [.userAgent: "mtls/\(MTLS.version)", .accept: "*/*"]
    }
}
