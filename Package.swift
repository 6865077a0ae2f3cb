// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

// The staircase: each target may import only what stands above it.
let package = Package(
    name: "swift-mtls",
    products: [
        .library(name: "MTLSClient", targets: ["MTLSClient"]),
        // JSON for bodies, for those who link Foundation anyway.
        .library(name: "MTLSClientFoundation", targets: ["MTLSClientFoundation"]),
        .library(name: "MTLSTestKit", targets: ["MTLSTestKit"]),
        .executable(name: "mtls", targets: ["mtls"]),
        // Not for users: the PKCS#11 module that tests put in front of another one. A module is loaded by path, so it
        // has to be a shared object, and SwiftPM makes those only of products.
        .library(name: "CountingModule", type: .dynamic, targets: ["CountingModule"]),
        // Nor this: preloaded into a process, it counts what that allocates.
        .library(name: "AllocationCounter", type: .dynamic, targets: ["AllocationCounter"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        .systemLibrary(name: "CGnuTLS", pkgConfig: "gnutls", providers: [.apt(["libgnutls28-dev"])]),
        .systemLibrary(name: "CP11Kit", pkgConfig: "p11-kit-1", providers: [.apt(["libp11-kit-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

        .target(name: "SecretMemory", swiftSettings: settings),
        .target(name: "GnuTLS", dependencies: ["CGnuTLS", "SecretMemory"], swiftSettings: settings),
        .target(name: "PKCS11", dependencies: ["CP11Kit", "SecretMemory"], swiftSettings: settings),
        .target(name: "Decompression", dependencies: ["CZlib"], swiftSettings: settings),
        .target(
            name: "MTLSCore",
            dependencies: [.product(name: "HTTPTypes", package: "swift-http-types")],
            swiftSettings: settings),
        .target(
            name: "MTLSIdentity",
            dependencies: [
                "GnuTLS", "PKCS11", "MTLSCore", "SecretMemory", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .target(
            name: "GnuTLSNIO",
            dependencies: [
                "GnuTLS", "MTLSCore",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOTLS", package: "swift-nio"),
            ],
            swiftSettings: settings),
        .target(
            name: "MTLSClient",
            dependencies: [
                "GnuTLS", "PKCS11", "MTLSCore", "MTLSIdentity", "GnuTLSNIO", "SecretMemory", "Decompression",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                // `Metrics` would add Foundation.
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOTLS", package: "swift-nio"),
            ],
            swiftSettings: settings),
        .target(name: "MTLSClientFoundation", dependencies: ["MTLSClient"], swiftSettings: settings),
        .target(
            name: "DevPKI",
            dependencies: ["GnuTLS", "MTLSIdentity", "MTLSCore", "SecretMemory"],
            swiftSettings: settings),
        .target(
            name: "MTLSTestKit",
            dependencies: [
                "MTLSClient", "MTLSIdentity", "MTLSCore", "GnuTLSNIO", "GnuTLS", "PKCS11", "DevPKI", "SecretMemory",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "mtls",
            dependencies: [
                "MTLSClient", "GnuTLS", "PKCS11", "DevPKI",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "mtls-demo",
            dependencies: [
                "MTLSTestKit", "MTLSClient", "DevPKI", "GnuTLS",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: settings),

        .target(
            name: "UnixSocketKey",
            dependencies: [
                "MTLSClient", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Examples/UnixSocketKey",
            swiftSettings: settings),
        // Built as a user's program is, without our upcoming features.
        .executableTarget(
            name: "guide", dependencies: ["MTLSClient", "MTLSTestKit"], path: "Examples/Guide",
            exclude: ["server.js"],
            swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]),

        .target(name: "CountingModule", dependencies: ["CP11Kit"], path: "Tests/CountingModule"),
        .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
        .target(name: "TestProcess", path: "Tests/TestProcess"),
        .target(
            name: "CountingModuleSupport", dependencies: ["TestProcess"], path: "Tests/CountingModuleSupport",
            swiftSettings: settings),
        // Responses as bytes, and what they mean: for the parser, the library and the command.
        .target(
            name: "FramingCases", dependencies: [.product(name: "HTTPTypes", package: "swift-http-types")],
            path: "Tests/FramingCases", swiftSettings: settings),
        .testTarget(
            name: "MTLSCoreTests",
            dependencies: ["MTLSCore", "FramingCases", .product(name: "HTTPTypes", package: "swift-http-types")],
            swiftSettings: settings),
        .testTarget(name: "GnuTLSTests", dependencies: ["GnuTLS", "CGnuTLS", "SecretMemory"], swiftSettings: settings),
        .testTarget(
            name: "PKCS11Tests",
            dependencies: ["PKCS11", "SecretMemory", "CP11Kit", "CountingModuleSupport", "MTLSTestKit"],
            swiftSettings: settings),
        .testTarget(
            name: "mtlsTests",
            dependencies: [
                "mtls", "MTLSClient", "GnuTLS", "PKCS11", "DevPKI",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "GnuTLSNIOTests",
            dependencies: [
                "GnuTLSNIO", "GnuTLS", "CGnuTLS", "DevPKI", "MTLSCore",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOTLS", package: "swift-nio"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "DevPKITests", dependencies: ["DevPKI", "GnuTLS", "MTLSIdentity", "SecretMemory"],
            swiftSettings: settings),
        .target(
            name: "CompressionSupport", dependencies: ["CZlib"], path: "Tests/CompressionSupport",
            swiftSettings: settings),
        .testTarget(
            name: "DecompressionTests", dependencies: ["Decompression", "CompressionSupport"], swiftSettings: settings),
        .testTarget(name: "SecretMemoryTests", dependencies: ["SecretMemory"], swiftSettings: settings),
        // Servers' chains, good and bad, each with its verdict.
        .target(
            name: "ChainCases", dependencies: ["MTLSIdentity", "MTLSCore", "DevPKI", "GnuTLS"],
            path: "Tests/ChainCases", swiftSettings: settings),
        .testTarget(
            name: "MTLSIdentityTests",
            dependencies: ["MTLSIdentity", "MTLSCore", "DevPKI", "GnuTLS", "PKCS11", "SecretMemory", "ChainCases"],
            swiftSettings: settings),
        .testTarget(
            name: "MTLSTestKitTests",
            dependencies: [
                "MTLSTestKit", "MTLSClient", "DevPKI", "GnuTLS",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "MTLSClientTests",
            dependencies: [
                "MTLSClient", "MTLSTestKit", "DevPKI", "GnuTLS", "GnuTLSNIO", "CountingModuleSupport", "UnixSocketKey",
                "CommandSupport", "CompressionSupport", "FramingCases", "SecretMemory",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "MTLSClientFoundationTests",
            dependencies: ["MTLSClientFoundation", "MTLSClient", "MTLSTestKit", "DevPKI"], swiftSettings: settings),
        .testTarget(
            name: "TokenTests",
            dependencies: [
                "MTLSClient", "MTLSIdentity", "MTLSTestKit", "DevPKI", "GnuTLS", "PKCS11", "CountingModuleSupport",
                "SecretMemory",
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings),
        // Runs programs: servers that are not ours, and the command.
        .target(
            name: "CommandSupport", dependencies: ["MTLSIdentity"], path: "Tests/CommandSupport",
            swiftSettings: settings),
        .testTarget(name: "CommandSupportTests", dependencies: ["CommandSupport"], swiftSettings: settings),
        .testTarget(
            name: "InteropTests",
            dependencies: [
                "MTLSClient", "MTLSTestKit", "DevPKI", "GnuTLS", "CommandSupport", "CompressionSupport",
                "CountingModuleSupport", "FramingCases", "ChainCases", "mtls", "guide",
            ],
            swiftSettings: settings),
        // Modules and the processes behind them, each in a process of its own: see `./dev modules`.
        .testTarget(
            name: "ModuleTests",
            dependencies: [
                "MTLSClient", "MTLSTestKit", "MTLSIdentity", "DevPKI", "GnuTLS", "PKCS11", "SecretMemory",
            ],
            exclude: ["Scripts"], swiftSettings: settings),
    ]
)
