// What the drivers in C share: options (`key=value`), clocks, the line of results. README.md lists options and keys.
#ifndef DRIVER_H
#define DRIVER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static int option_count;
static char **option_list;

static const char *option(const char *key, const char *otherwise)
{
    size_t length = strlen(key);
    for (int i = 1; i < option_count; i++)
        if (!strncmp(option_list[i], key, length) && option_list[i][length] == '=') return option_list[i] + length + 1;
    return otherwise;
}

static long number(const char *key, long otherwise)
{
    const char *value = option(key, NULL);
    return value ? atol(value) : otherwise;
}

static double seconds_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static inline long resident_kib(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    long kib = 0;
    if (!status) return 0;
    while (fgets(line, sizeof line, status))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1) break;
    fclose(status);
    return kib;
}

struct result {
    double wall, user, system;
    double *latencies; // seconds, as many as requests; NULL: none
    long requests, errors, resumed;
    long long bytes;
    long base_kib, kib; // 0: not measured
};

static void begin(struct result *result)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    result->user = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
    result->system = (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
    result->wall = seconds_now();
}

// Before anything else is computed: the clocks stop here.
static void end(struct result *result)
{
    struct result start = *result;
    begin(result);
    result->wall -= start.wall;
    result->user -= start.user;
    result->system -= start.system;
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void print_result(struct result *result)
{
    printf("{\"requests\":%ld,\"errors\":%ld,\"wall_s\":%.6f,\"user_s\":%.6f,\"sys_s\":%.6f,\"bytes\":%lld",
        result->requests, result->errors, result->wall, result->user, result->system, result->bytes);
    printf(",\"handshakes_resumed\":%ld", result->resumed);
    if (result->latencies && result->requests > 0) {
        qsort(result->latencies, (size_t)result->requests, sizeof(double), by_size);
        printf(",\"p50_us\":%.1f,\"p99_us\":%.1f", result->latencies[result->requests / 2] * 1e6,
            result->latencies[result->requests * 99 / 100] * 1e6);
    }
    if (result->kib) printf(",\"rss_base_kb\":%ld,\"rss_kb\":%ld", result->base_kib, result->kib);
    printf("}\n");
    fflush(stdout);
}

#endif
