//! Refuses to run on a processor older than the one this program was compiled for.

use crate::Error;

/// Compares what whisper.cpp was compiled to use with what this processor has, so that an older
/// machine gets a sentence and not an illegal instruction.
pub(super) fn check() -> Result<(), Error> {
    let missing: Vec<&'static str> = requirements()
        .into_iter()
        .filter(|requirement| requirement.compiled_in && !requirement.present)
        .map(|requirement| requirement.name)
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Error::ProcessorTooOld { missing })
    }
}

struct Requirement {
    name: &'static str,
    compiled_in: bool,
    present: bool,
}

#[cfg(target_arch = "x86_64")]
fn requirements() -> Vec<Requirement> {
    use std::arch::is_x86_feature_detected as present;
    use whisper_rs::whisper_rs_sys as ggml;

    let requirement = |name, compiled_in: i32, present| Requirement {
        name,
        compiled_in: compiled_in != 0,
        present,
    };
    // SAFETY: each of these functions takes nothing, touches nothing and returns a constant that
    // was fixed when whisper.cpp was compiled.
    unsafe {
        vec![
            requirement("SSE3", ggml::ggml_cpu_has_sse3(), present!("sse3")),
            requirement("SSSE3", ggml::ggml_cpu_has_ssse3(), present!("ssse3")),
            requirement("AVX", ggml::ggml_cpu_has_avx(), present!("avx")),
            requirement("AVX2", ggml::ggml_cpu_has_avx2(), present!("avx2")),
            requirement("FMA", ggml::ggml_cpu_has_fma(), present!("fma")),
            requirement("F16C", ggml::ggml_cpu_has_f16c(), present!("f16c")),
            requirement("BMI2", ggml::ggml_cpu_has_bmi2(), present!("bmi2")),
            requirement("AVX-512", ggml::ggml_cpu_has_avx512(), present!("avx512f")),
        ]
    }
}

#[cfg(target_arch = "aarch64")]
fn requirements() -> Vec<Requirement> {
    use std::arch::is_aarch64_feature_detected as present;
    use whisper_rs::whisper_rs_sys as ggml;

    let requirement = |name, compiled_in: i32, present| Requirement {
        name,
        compiled_in: compiled_in != 0,
        present,
    };
    // SAFETY: each of these functions takes nothing, touches nothing and returns a constant that
    // was fixed when whisper.cpp was compiled.
    unsafe {
        vec![
            requirement("NEON", ggml::ggml_cpu_has_neon(), present!("neon")),
            requirement(
                "dot products",
                ggml::ggml_cpu_has_dotprod(),
                present!("dotprod"),
            ),
            requirement(
                "int8 matrices",
                ggml::ggml_cpu_has_matmul_int8(),
                present!("i8mm"),
            ),
            requirement("SVE", ggml::ggml_cpu_has_sve(), present!("sve")),
        ]
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn requirements() -> Vec<Requirement> {
    Vec::new()
}
