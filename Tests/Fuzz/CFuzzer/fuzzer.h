// What libFuzzer offers to a program that has a main function of its own.
#ifndef LEGATE_FUZZER_H
#define LEGATE_FUZZER_H

#include <stddef.h>
#include <stdint.h>

typedef int (*legate_fuzz_probe)(const uint8_t *bytes, size_t count);

int LLVMFuzzerRunDriver(int *argc, char ***argv, legate_fuzz_probe probe);

#endif
