import ArgumentParser
import MTLSClient
import PKCS11

/// `mtls tokens list`.
struct TokensList: TokenCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List tokens with their keys and certificates, and the URIs to paste.",
        discussion: """
            Without a URI and --module it looks into every module that p11-kit is configured with. A URI lists what it \
            matches. Private keys show after a login only: without --login they are inferred from certificates and \
            public keys.
            """)

    @Argument(help: "List what this URI matches.") var uri: String?
    @Flag(name: .long, help: "Log in to the tokens, to see their private keys.") var login = false
    @OptionGroup var token: TokenOptions
    @Flag(name: .long, help: "Write JSON.") var json = false

    func perform() async throws -> Int32 {
        let text = uri ?? "pkcs11:"
        let pin = try token.pin(for: text)
        let inventory: TokenInventory
        do {
            inventory = try await TokenInventory.read(
                try PKCS11URI(text), module: token.module, logsIn: login, pin: pin)
        } catch let error as PKCS11Error {
            throw MTLSError.token(error, phase: .prepare)
        }
        if json {
            Answer.write(Self.json(inventory))
        } else {
            Answer.write(Self.lines(inventory))
        }
        return complain(of: inventory)
    }

    /// Says what could not be listed. Something has to be.
    private func complain(of inventory: TokenInventory) -> Int32 {
        let console = Console()
        let isSelective = uri.map { $0.utf8.count > "pkcs11:".utf8.count } ?? false
        let troubles = inventory.failures + inventory.modules.compactMap(\.trouble)
        for error in troubles + inventory.modules.flatMap(\.entries).compactMap(\.trouble) {
            console.warn(token.module == nil ? "\(error)" : ErrorText.line(error))
        }
        if inventory.modules.allSatisfy(\.entries.isEmpty) {
            console.warn(isSelective ? "no token matches" : "there is no token in any slot")
            return isSelective || !troubles.isEmpty ? ExitStatus.identity : 0
        }
        return inventory.modules.flatMap(\.entries).contains { $0.trouble != nil } ? ExitStatus.identity : 0
    }

    static func lines(_ inventory: TokenInventory) -> [String] {
        var rows = [["SLOT", "TOKEN", "STATE", "MODULE"]]
        for module in inventory.modules {
            let name =
                "\(TokenText(Array(module.path.utf8))) (\(module.info.description) \(module.info.version.forPeople))"
            for entry in module.entries {
                rows.append([
                    "\(entry.slot.id)", "\(entry.token.label)", TokenState.text(entry.token.flags), name,
                ])
            }
        }
        guard rows.count > 1 else { return [] }
        var lines = Columns.aligned(rows)
        // Each token's row, and what is in it below.
        var line = 1
        for entry in inventory.modules.flatMap(\.entries) {
            let below = Self.lines(entry)
            lines.insert(contentsOf: below, at: line + 1)
            line += below.count + 1
        }
        return lines
    }

    private static func lines(_ entry: TokenInventory.Entry) -> [String] {
        guard entry.token.flags.contains(.tokenInitialized) else { return [] }
        return ["  " + PKCS11URI(entry.token).shellQuoted]
            + entry.objects.flatMap { object in
                let kind = object.type == .certificate ? "certificate" : "private key"
                let note = object.isInferred ? " (inferred: --login shows it)" : ""
                return ["  \(kind) \"\(object.label)\": \(object.summary)\(note)", "    \(object.uri.shellQuoted)"]
            }
    }

    static func json(_ inventory: TokenInventory) -> JSON {
        .object([
            (
                "modules",
                .array(
                    inventory.modules.map { module in
                        .object([
                            ("path", .string("\(TokenText(Array(module.path.utf8)))")),
                            ("description", .string("\(module.info.description)")),
                            ("version", .string(module.info.version.forPeople)),
                            ("error", JSON(module.trouble.map(ErrorText.line))),
                            ("tokens", .array(module.entries.map(json))),
                        ])
                    })
            ),
            ("failures", .array(inventory.failures.map { .string(ErrorText.line($0)) })),
        ])
    }

    private static func json(_ entry: TokenInventory.Entry) -> JSON {
        .object([
            ("slot", .number(Int(clamping: entry.slot.id))), ("label", .string("\(entry.token.label)")),
            ("manufacturer", .string("\(entry.token.manufacturer)")), ("model", .string("\(entry.token.model)")),
            ("serial", .string("\(entry.token.serial)")), ("uri", .string(PKCS11URI(entry.token).formatted)),
            ("state", TokenState.json(entry.token.flags)), ("error", JSON(entry.trouble.map(ErrorText.line))),
            (
                "objects",
                .array(
                    entry.objects.map { object in
                        .object([
                            ("type", .string(object.type.rawValue)), ("label", .string("\(object.label)")),
                            ("id", .string(Hex.text(object.id))), ("uri", .string(object.uri.formatted)),
                            ("summary", .string(object.summary)), ("inferred", .bool(object.isInferred)),
                        ])
                    })
            ),
        ])
    }
}

/// Text in columns.
enum Columns {
    /// Pads every cell but the last of a row to the width of its column.
    static func aligned(_ rows: [[String]]) -> [String] {
        let widths = (rows.map(\.count).max() ?? 0)
        let width = (0..<widths).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            row.enumerated().map { column, cell in
                column == row.count - 1
                    ? cell : cell + String(repeating: " ", count: width[column] - cell.count)
            }.joined(separator: "  ")
        }
    }
}
