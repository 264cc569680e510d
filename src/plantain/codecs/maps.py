"""The colormaps viridis, plasma and inferno: 256 colors each.

Source: matplotlib's _cm_listed.py (CC0, by Stefan van der Walt and Nathaniel Smith), rounded to 8 bits.
"""

from __future__ import annotations

import zlib
from base64 import b85decode

import numpy as np

_PACKED = (
    "c-jE~3IFy)0aQc+Rz(C?MFm+#2U<o5Tt*6AMhjj?4PZwOVMh>SM-gO46J<ygXGj)kNEc~H7-~owY)BhzNE~iR9dAe<a7Z9=NFj4bBXme4bx0+4"
    "NG5kkD0oOIc}FUGM=W|rEqg~Ud`B;RMlgOxGJZxge?~NbMKys%H-SYsf<!rkL^^{+JA^|$ghM`sLO+E<K!!p=hCxDyK}3f@MTkH~h(AY&KS+r_"
    "Nr^s6i9Sq<Jxz)|PKrEFiabz@J5h@}Qj0oMi#k+{IaQ1~R*X1Uj5t}0H(HE0Ta7kcjW%74HC~N1UyU?ijWl76Gh&T1V~sLojxuGAF=mc2XO1yw"
    "jxcGCFlvr3YmP5$jxKGEE^dx4Z;mZ+jxBMHEOCx3a*ix>jw^JID|L=4c8)4{jw*PLDS3`5dX6c3jwpPND1DA6evT)9jwgVQCV`G7f{rGFjwOSR"
    "C4`P8g^nbKjwFYUBZ!V8iH;+RjUtPUB8-h9jg29WjUkVXA&`wBk&Gacj3APXAd`$Al#CyhiyxMYAD4?Cn2R5oiXWPa9-E3DoQWQti65ScAD@UH"
    "pokx#h##ScAEJjKqlO@)h9RYeA*O{Qr-dS@gd?egB&vfYtAZu0f+nqjC#``fu7D}8e=4wlEU|tqvVAVId@r<oF|~U#wt6(Sc{R6rH@J8>xpz9c"
    "c00RuJ-l>3ymLUkazegwM89xGz;8&wZc4#zOu}qV!)s8)YEs2%RK;jk#%EZ^Wm?E&T*zZy$zov2U}MW)Wy@Y?%v@>BTWrl*Zq8V6&sTHMR&~%+"
    "chOUN(NTQTP=C`-fzwTd)JuldNr}}+i`GVt)<uxlLzCA*mDoU-*gl)tJe}D)pxQa2+Bc=!HmKV)s@yWI+%T}+FS6Y&wcabZ-YL4?D81h%z~3dp"
    "-y_A~A;{n$%Hbc);T_Q79Ma+&)#4i1;u+fG8QtR;-{TnK<QV1T8Rz5~>g5{j<s0wi9P#BH^yVJ+<{<dyA^Ybe{pTeO2!{{{h!Y2i76*zM28<g9"
    "jU5J#AO?>j29P8MktPL^C<T%#1(PfVlr9C8F9nt{1(!1gmo)^KHw2kD1e!Vonmh!XJ_MXU1e`$xokIhjL<62i1D{9(pGgCtO9P=y0-;U<qEG^&"
    "Q39h=0;5#|q*ei>SOKJ20i|03rCb4~UIC_H0j6O9r(*!8WB{jT0H<dFsA&MGY5=Hg0H|&NsBZwMaR8`t0jP8VsC5CTcLAt)0jPQcsCxpaeFLa|"
    "1E_!msDT8hg9WFA1*e7vriTZnhzO>N38jk)rHu=vjtr!a4Wy9{qmmD!ln|no5uuh7p_mk)nH8U!7N49Ko}Cz-o*A8>8l0gUo1z_>qaK>2ADN~g"
    "n5Q9^s3MlCBbBQpl&mI{ttXSND3Y)#k+CX}vMZ0XERM7;jkPa~wlIsgF^ae{iMlh0yEKTrHHW=7hQ2t3zd3}!I)lMGg2Ft3!##k+K7YkPe#Sw4"
    "$3lF_Lwm_Yddfw5%SL(3M|jLhcg;$6&P#RAOmxsqbJ0$6(ob>IQE}8#aMe?9)l_cQRc+T+Y}i+8*;s1YT58%`Y1>?A++AngUS{53W!_<A-(q9n"
    "V`JfDV&Y|C;$~puXkX-MUgc_C<!fE$Y+UDVTjy_D=x|x-aaiecSL$?E>vdM^c2(?mRPA|F?Rrw~dr|LvQSW|G@PAM6fKKs&P4R<F@`OwCg-i2?"
    "O7w_H^odCIi%0d0M)r+G_K!sOkVN;9L-&(H_>@8Tl|cEIKlzwG`I<iZn?3rRJo=tH`=2`dp*j1aIQ*kH{G~VirZ)VjHT<bG{i`$mtTX+tGX1YH"
    "{jo6pvM>F#Fa5PH{<kguxGes<EdIMI{=F*xzAFB}DgDAJ{lh5z#V7s7C;iAL{mLf&%O?EICH&4M{Lm%*(k1)TB>UAQ``0A;*d+SeB>CJV`Q0V>"
    "-zE6rCHLYb_v9t^<|g*&CiUqi_3J0}?I-i@C-d+p^71F~^d|B3CGhto@cAJC00aR51pxsD0RadC0SW>F3<3fU0|F2P0}=!S6a@qq1_T)g1sezj"
    "9SH^>3I`$!2P6y#CJhKF4hbs|2`v!{FcJzf6bm#J3pW-EIT#E)84Nxf3_%<WLmmu89}Gw#3`!#mOe73XCJa$13sWfzRVxcuEelyM3R^J>Trvt?"
    "Gzwof31K)1VmS$8I|*bx31vPBW<UyOLJDX^3TQ<NX-5lcNegO93~NjbYfTMoPYrBQ4s22mZB!3!RS#`f5N=rzZdws;ToP_w5^i4;ZebH{Viay<"
    "6>en}Zf6#5X%=p37jA4AZfzKDZy9cJ8E$eKZgd)MbsKJX9Bp_UZF(JTd>w6l9&LXfY=9qZf*@>!AZvvoYlk6gh$3o=B5I5yX^kUkk0fc3C1{c*"
    "Xp<&ql_qDGCuW!@W|}Bvn<-?SDP*52W1uQyqAOyfEMcWAV5Ti#s4icrE?%oIUac@)t}tA%F<Y@RTC*}*v@=<@G+4JaSGhG-x;9n3H&neiQ@=S<"
    "z&cUEI#9zqPsBV<#yw5PK1|3zOUgh>%Rx!ZLP*X-N6$n?&_zYkMnuy`L)1t@)k;CvOF!65KG{t@+D<&%P&?gGI^I$^-%~f>RW{*PHR4w^<5@H0"
    "S~2BZFy>t^=Uy)8U@hrkE9zq^>treGW+?1uChch@?rJ3OY$NY(A@FY?@o^vVa~<+@9P@S?^LQEbc^LJ37xjG=_I?!hfD`wE68D4<_=OMnhYt9O"
    "4Ec)-`HTwrjtTmZ2>Ox-`jiLzmInKm2K$)?`<n*)od^7%2mGN3{G$o{r3(C}4E(4K{HhQ9tP%XK68x|f{IVAOv>5xg8vD2%`???dydnF(Bl^H5"
    "`obvs#47s6E&0bU`N=Z*%Qg7TH~7yw_t8D~(?IssL-yB3_1Q`F+f4M`PxRkY^x;<X<686OUGnB(^5|vq>S^)pZSn1K@$Yr<@p<y{ee(2z^Yw=F"
    "_KNiQj`jJH_WG9i`<nUuo%;Qu{Qsnr&;Ho"
)
_ALL = np.frombuffer(zlib.decompress(b85decode(_PACKED)), np.uint8).reshape(3, 256, 3)
MAPS: dict[str, np.ndarray] = dict(zip(("viridis", "plasma", "inferno"), _ALL, strict=True))
