import CP11Kit
import CountingModuleSupport
import Glibc
import PKCS11
import SecretMemory
import Testing

@Suite struct ModuleTests {
    private static func load(_ path: String) async throws(PKCS11Error) -> PKCS11Module {
        try await Token.searchLane.run { () throws(PKCS11Error) in try PKCS11Module.load(path: path) }
    }

    /// Makes a file that is gone when the test ends.
    private static func withFile(_ content: String, mode: mode_t, _ body: (String) async throws -> Void) async throws {
        var template = Array("/tmp/pkcs11-file-XXXXXX".utf8CString)
        let file = mkstemp(&template)
        let path = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
        defer { unlink(path) }
        _ = write(file, content, content.utf8.count)
        fchmod(file, mode)
        close(file)
        try await body(path)
    }

    @Test func aRelativePathIsRefused() async throws {
        let error = try await #require(throws: PKCS11Error.self) { try await Self.load("libsofthsm2.so") }
        #expect(error.kind == .moduleUnavailable)
        #expect(error.message.contains("not absolute"))
    }

    @Test func aMissingFileIsNamed() async throws {
        let error = try await #require(throws: PKCS11Error.self) { try await Self.load("/nonexistent/module.so") }
        #expect(error.kind == .moduleUnavailable)
        #expect(error.message.contains("/nonexistent/module.so"))
        #expect(error.message.contains("No such file"))
    }

    @Test func aFileThatIsNoModuleIsRefused() async throws {
        try await Self.withFile("not a shared object", mode: 0o600) { path in
            let error = try await #require(throws: PKCS11Error.self) { try await Self.load(path) }
            #expect(error.kind == .moduleUnavailable)
            #expect(error.message.contains("is not a PKCS#11 module"))
        }
    }

    @Test func aFileThatEverybodyMayChangeIsRefused() async throws {
        try await Self.withFile("", mode: 0o666) { path in
            let error = try await #require(throws: PKCS11Error.self) { try await Self.load(path) }
            #expect(error.message.contains("every user"))
        }
    }

    @Test func aDirectoryIsRefused() async throws {
        let error = try await #require(throws: PKCS11Error.self) { try await Self.load("/tmp") }
        #expect(error.kind == .moduleUnavailable)
    }

    @Test func anUnknownNameListsTheKnownOnes() async throws {
        let error = try await #require(throws: PKCS11Error.self) {
            try await Token.searchLane.run { () throws(PKCS11Error) in try PKCS11Module.load(name: "no-such-module") }
        }
        #expect(error.kind == .moduleUnavailable)
        #expect(error.description.contains("no-such-module"))
        #expect(error.advice != nil)
    }

    @Test func aModuleIsKnownByNameAndByPath() async throws {
        let byName = try await Token.searchLane.run { () throws(PKCS11Error) in
            try PKCS11Module.load(name: "p11-kit-trust")
        }
        let byPath = try await Self.load(byName.path)
        #expect(byName === byPath)
    }

    @Test func finalizingEndsEachModuleAndLetsItBeLoadedAgain() async {
        await #expect(processExitsWith: .success) {
            // Any module will do, and this one is where p11-kit is.
            let trust = try PKCS11Module.load(name: "p11-kit-trust")
            let counting = try CountingModule(inFrontOf: trust.path)
            let module = try PKCS11Module.load(path: counting.path)
            PKCS11Module.finalizeAll()
            try #require(counting.count(of: "C_Finalize") == 1)
            try #require(try PKCS11Module.load(path: counting.path) !== module)
            try #require(counting.count(of: "C_Initialize") == 2)
        }
    }

    @Test func aModuleWithACallInItIsNotFinalized() async {
        await #expect(processExitsWith: .success) {
            let trust = try PKCS11Module.load(name: "p11-kit-trust")
            let counting = try CountingModule(inFrontOf: trust.path)
            let module = try PKCS11Module.load(path: counting.path)
            let arrivals = counting.block("C_GetSlotList")
            let search = Task { try await Token.searchLane.run { () throws(PKCS11Error) in try module.tokens() } }
            for await _ in arrivals { break }
            PKCS11Module.finalizeAll()
            try #require(counting.count(of: "C_Finalize") == 0)
            counting.unblock("C_GetSlotList")
            _ = try await search.value
        }
    }

    @Test func aFinalizedModuleIsCalledNoMore() async {
        await #expect(processExitsWith: .success) {
            let trust = try PKCS11Module.load(name: "p11-kit-trust")
            let counting = try CountingModule(inFrontOf: trust.path)
            let module = try PKCS11Module.load(path: counting.path)
            PKCS11Module.finalizeAll()
            let error = try #require(throws: PKCS11Error.self) { try module.tokens() }
            try #require(error.kind == .moduleUnavailable)
            try #require(counting.count(of: "C_GetSlotList") == 0)
        }
    }

    @Test func oneModuleIsOneObject() async throws {
        let counting = try CountingModule(inFrontOf: SoftHSM.modulePath)
        let first = try await Self.load(counting.path)
        let second = try await Self.load(counting.path)
        #expect(first === second)
        #expect(counting.count(of: "C_Initialize") == 1)
        #expect(first.info.manufacturer.description == "SoftHSM")
    }

    @Test func aModuleThatCannotLockIsServedWithoutP11Kit() async throws {
        let test = try await TestToken { $0.fail("C_Initialize", with: CKR_CANT_LOCK) }
        #expect(test.counting.count(of: "C_Initialize") == 2)
        try await test.generate(.ecP256)
        let key = test.key()
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<8 { group.addTask { try await key.signature().count } }
            for try await count in group { #expect(count == 64) }
        }
    }

    @Test func aModuleThatFailsToInitialiseSaysWhy() async throws {
        let counting = try CountingModule(inFrontOf: SoftHSM.modulePath)
        counting.fail("C_Initialize", with: CKR_NEED_TO_CREATE_THREADS)
        let error = try await #require(throws: PKCS11Error.self) { try await Self.load(counting.path) }
        #expect(error.kind == .moduleUnavailable)
        #expect(error.message.contains("CKR_NEED_TO_CREATE_THREADS (0x9)"))
        // The next attempt may succeed.
        #expect(try await Self.load(counting.path).info.manufacturer.description == "SoftHSM")
    }

    @Test func loadingIgnoresBrokenPipes() async throws {
        _ = try await TestToken()
        var action = sigaction()
        sigaction(SIGPIPE, nil, &action)
        #expect(unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1)
    }
}

@Suite struct TokenSearchTests {
    private static func find(_ uri: PKCS11URI, _ test: TestToken) async throws(PKCS11Error) -> Token {
        try await Token.search(uri, in: test.token.module)
    }

    @Test func oneTokenIsOneObject() async throws {
        let test = try await TestToken()
        var byLabel = PKCS11URI()
        byLabel.token = test.token.info.label.bytes
        var bySerial = PKCS11URI()
        bySerial.serial = test.token.info.serial.bytes
        #expect(try await Self.find(byLabel, test) === test.token)
        #expect(try await Self.find(bySerial, test) === test.token)
    }

    @Test func theURINamesTheModule() async throws {
        let test = try await TestToken()
        var uri = test.token.uri
        uri.modulePath = test.counting.path
        #expect(try await Token.search(uri) === test.token)
    }

    @Test func anUnknownTokenListsThoseThatAreThere() async throws {
        let test = try await TestToken()
        let uri = try PKCS11URI("pkcs11:token=no%20such")
        let error = try await #require(throws: PKCS11Error.self) { try await Self.find(uri, test) }
        #expect(error.kind == .tokenNotFound)
        #expect(error.message.contains("pkcs11:token=no%20such"))
        #expect(error.advice?.contains("pkcs11:token=test") == true)
    }

    @Test func severalMatchingTokensAreListed() async throws {
        let test = try await TestToken(isAlone: false)
        let uri = try PKCS11URI("pkcs11:manufacturer=SoftHSM%20project")
        let error = try await #require(throws: PKCS11Error.self) { try await Self.find(uri, test) }
        #expect(error.kind == .ambiguous)
        #expect(error.advice?.contains("serial=") == true)
    }

    @Test func aURIOfAnotherLibraryMatchesNothing() async throws {
        let test = try await TestToken()
        var uri = test.token.uri
        uri.libraryManufacturer = Array("somebody else".utf8)
        let error = try await #require(throws: PKCS11Error.self) { try await Self.find(uri, test) }
        #expect(error.kind == .tokenNotFound)
    }

    @Test func aURIThatNamesNoModuleIsLookedForInAll() async throws {
        let test = try await TestToken()
        let known = try? await Token.searchLane.run { () throws(PKCS11Error) in try PKCS11Module.load(name: "softhsm2")
        }
        // A distribution may not tell p11-kit about SoftHSM: then the token is not there.
        if let known {
            #expect(try await Token.search(test.token.uri).module === known)
        } else {
            await #expect(throws: PKCS11Error.self) { try await Token.search(test.token.uri) }
        }
    }

    @Test func slotsThatFailAndFreeSlotsAreSkipped() async throws {
        let test = try await TestToken(isAlone: false)
        test.counting.fail("C_GetSlotInfo", with: CKR_DEVICE_ERROR)
        let module = test.token.module
        let tokens = try await Token.searchLane.run { () throws(PKCS11Error) in try module.tokens() }
        #expect(!tokens.isEmpty)
        #expect(tokens.allSatisfy { $0.token.flags.contains(.tokenInitialized) })
    }

    @Test func aFailingSlotListIsNotAWrongURI() async throws {
        let test = try await TestToken()
        test.counting.fail("C_GetSlotList", with: CKR_GENERAL_ERROR)
        let error = try await #require(throws: PKCS11Error.self) { try await Self.find(test.token.uri, test) }
        #expect(error.kind == .failed)
        #expect(error.message == "C_GetSlotList: CKR_GENERAL_ERROR (0x5)")
    }
}
